package org.example.harbour

import java.io.File

data class Reading(val sensor: String, val value: Double?)

fun parse(line: String): Reading? {
    val parts = line.split(";")
    if (parts.size != 2) return null
    return Reading(parts[0], parts[1].toDoubleOrNull())
}

fun main(args: Array<String>) {
    val readings = File(args[0]).readLines().mapNotNull(::parse)
    val highest = readings.maxByOrNull { it.value ?: 0.0 }
    println("highest: ${highest?.sensor} ${highest?.value}")
    when (readings.size) {
        0 -> println("nothing")
        in 1..10 -> println("a few")
        else -> println("many")
    }
}
