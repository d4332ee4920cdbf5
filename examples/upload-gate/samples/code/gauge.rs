use std::io::{self, BufRead};

/// One line of the gauge.
#[derive(Debug, Clone, PartialEq)]
struct Reading {
    sensor: String,
    value: f64,
}

fn parse(line: &str) -> Option<Reading> {
    let (sensor, value) = line.split_once(';')?;
    Some(Reading { sensor: sensor.to_owned(), value: value.trim().parse().ok()? })
}

fn main() -> io::Result<()> {
    let mut highest = f64::MIN;
    for line in io::stdin().lock().lines() {
        match parse(&line?) {
            Some(reading) => highest = highest.max(reading.value),
            None => eprintln!("bad line"),
        }
    }
    println!("{highest}");
    Ok(())
}
