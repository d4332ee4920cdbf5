#!/usr/bin/perl
use strict;
use warnings;

my %highest;
while (my $line = <STDIN>) {
    chomp $line;
    next unless $line =~ /^(\w+);(-?\d+(?:\.\d+)?)$/;
    my ($sensor, $value) = ($1, $2);
    $highest{$sensor} = $value
        if !defined $highest{$sensor} || $value > $highest{$sensor};
}
foreach my $sensor (sort keys %highest) {
    printf "%s %.1f\n", $sensor, $highest{$sensor};
}
