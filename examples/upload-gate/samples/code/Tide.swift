import Foundation

struct Reading: Codable, Equatable {
    let sensor: String
    var value: Double?
}

enum GaugeError: Error {
    case badLine(String)
}

func parse(_ line: String) throws -> Reading {
    let parts = line.split(separator: ";")
    guard parts.count == 2, let value = Double(parts[1]) else {
        throw GaugeError.badLine(line)
    }
    return Reading(sensor: String(parts[0]), value: value)
}

while let line = readLine() {
    if let reading = try? parse(line) {
        print("\(reading.sensor): \(reading.value ?? 0)")
    }
}
