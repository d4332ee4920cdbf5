require 'csv'
require 'time'

module Harbour
  class Report
    attr_reader :rows

    def initialize(path)
      @rows = CSV.read(path, headers: true)
    end

    def highest
      rows.map { |row| row['value'].to_f }.max
    end

    def to_s
      rows.group_by { |row| row['sensor'] }.map do |sensor, group|
        "#{sensor}: #{group.size}"
      end.join("\n")
    end
  end
end

puts Harbour::Report.new(ARGV.fetch(0)) if $PROGRAM_NAME == __FILE__
