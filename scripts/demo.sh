#!/bin/sh
# The example flight-desk, end to end: 20,000 real flights through a model and a rule set, with the counts of
# what the desk does and the reasons for one flight.
set -eu
cd "$(dirname "$0")/.."

rulestage=target/release/rulestage
pipeline=examples/flight-desk/pipeline.toml
flights=examples/flight-desk/flights-sample.parquet
decisions=target/demo/decisions.csv
actions=target/demo/actions.ndjson
mkdir -p target/demo

show() {
	echo
	echo "\$ $*"
	"$@"
}

show $rulestage run $pipeline --input $flights --output $decisions

echo
echo "rows per action:"
$rulestage run $pipeline --input $flights --columns action --output $actions 2>/dev/null
sed 's/^{"action":"\(.*\)"}$/\1/' $actions | sort | uniq -c | sort -rn

# The first flight that the desk does something about.
row=$(awk '!/"none"/ { print NR - 1; exit }' $actions)
show $rulestage explain $pipeline --input $flights --row "${row:-0}"

echo
echo "every decision: $decisions"
