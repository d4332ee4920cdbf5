//! The functions of ZEN and FEEL that mean the same in CEL.

use super::{Dialect, ELEMENT};

/// A call of a function; arguments are CEL.
pub(super) fn call(dialect: Dialect, name: &str, args: &[String]) -> Result<String, String> {
    let args: Vec<&str> = args.iter().map(|arg| arg.trim()).collect();
    let joined = args.join(", ");
    if let Some(cel) = same_name_in_both(name, &args, &joined) {
        return Ok(cel);
    }
    let cel = match dialect {
        Dialect::Zen => zen(name, &args, &joined)?,
        Dialect::Feel => feel(name, &args, &joined)?,
    };
    cel.ok_or_else(|| {
        format!(
            "the function `{name}` with {} arguments is not known",
            args.len()
        )
    })
}

fn same_name_in_both(name: &str, args: &[&str], joined: &str) -> Option<String> {
    Some(match (name, args) {
        ("number", [_]) => format!("double({joined})"),
        ("string", [_]) => format!("string({joined})"),
        ("abs", [_]) => format!("math.abs({joined})"),
        ("floor", [_]) => format!("math.floor({joined})"),
        ("sqrt", [_]) => format!("math.sqrt({joined})"),
        ("round", [_]) => format!("math.round({joined})"),
        ("min", [..]) if !args.is_empty() => format!("math.least({joined})"),
        ("max", [..]) if !args.is_empty() => format!("math.greatest({joined})"),
        ("contains", [text, part]) => format!("({text}).contains({part})"),
        ("matches", [text, pattern]) => format!("({text}).matches({pattern})"),
        ("split", [text, separator]) => format!("({text}).split({separator})"),
        ("sum", [list]) => sum(list),
        ("median", [list]) => median(list),
        ("date", [text]) => moment(text),
        _ => return None,
    })
}

fn zen(name: &str, args: &[&str], joined: &str) -> Result<Option<String>, String> {
    Ok(Some(match (name, args) {
        ("len" | "count", [_]) => format!("double(size({joined}))"),
        ("ceil", [_]) => format!("math.ceil({joined})"),
        ("trunc", [_]) => format!("math.trunc({joined})"),
        ("round", [number, places]) => rounded("round", number, places),
        ("trunc", [number, places]) => rounded("trunc", number, places),
        ("avg", [list]) => average(list),
        ("mode", _) => return Err("`mode` has nothing like it in CEL".to_owned()),
        ("bool", [_]) => format!("bool({joined})"),
        ("keys", [map]) => format!("({map}).map({ELEMENT}, {ELEMENT})"),
        ("d", [text]) => moment(text),
        ("d" | "date", []) => return Err(no_clock(name)),
        ("duration", [_]) => format!("duration({joined})"),
        ("startsWith", [text, start]) => format!("({text}).startsWith({start})"),
        ("endsWith", [text, end]) => format!("({text}).endsWith({end})"),
        ("upper", [text]) => format!("({text}).upperAscii()"),
        ("lower", [text]) => format!("({text}).lowerAscii()"),
        ("trim", [text]) => format!("({text}).trim()"),
        ("year", [time]) => format!("double(({time}).getFullYear())"),
        ("monthOfYear", [time]) => format!("double(({time}).getMonth() + 1)"),
        ("dayOfMonth", [time]) => format!("double(({time}).getDate())"),
        ("dayOfYear", [time]) => format!("double(({time}).getDayOfYear() + 1)"),
        ("dayOfWeek", [time]) => format!("double((({time}).getDayOfWeek() + 6) % 7 + 1)"),
        _ => return Ok(None),
    }))
}

fn feel(name: &str, args: &[&str], joined: &str) -> Result<Option<String>, String> {
    Ok(Some(match (name, args) {
        ("count", [_]) => format!("double(size({joined}))"),
        ("string length", [_]) => format!("double(size({joined}))"),
        ("ceiling", [_]) => format!("math.ceil({joined})"),
        ("floor", [number, places]) => rounded("floor", number, places),
        ("ceiling", [number, places]) => rounded("ceil", number, places),
        ("decimal", [number, places]) => rounded("roundEven", number, places),
        ("round half up", [number, places]) => rounded("round", number, places),
        ("round down", [number, places]) => rounded("trunc", number, places),
        ("round up" | "round half down", _) => {
            return Err(format!("`{name}` has nothing like it in CEL"));
        }
        ("modulo", [a, b]) => format!("(({a}) - ({b}) * math.floor(({a}) / ({b})))"),
        ("sum", [_, ..]) => format!("({})", args.join(" + ")),
        ("mean", [list]) => average(list),
        ("mean", [_, ..]) => format!("(({}) / {}.0)", args.join(" + "), args.len()),
        ("median", [_, ..]) => median(&format!("[{joined}]")),
        ("all", [list]) => format!("({list}).all({ELEMENT}, {ELEMENT})"),
        ("any", [list]) => format!("({list}).exists({ELEMENT}, {ELEMENT})"),
        ("append", [list, items @ ..]) => format!("(({list}) + [{}])", items.join(", ")),
        ("concatenate", [_, ..]) => format!("({})", args.join(" + ")),
        ("reverse", [list]) => format!("({list}).reverse()"),
        ("distinct values", [list]) => format!("({list}).distinct()"),
        ("flatten", [list]) => format!("({list}).flatten(64)"),
        ("list contains", [list, item]) => format!("(({item}) in ({list}))"),
        ("starts with", [text, start]) => format!("({text}).startsWith({start})"),
        ("ends with", [text, end]) => format!("({text}).endsWith({end})"),
        ("upper case", [text]) => format!("({text}).upperAscii()"),
        ("lower case", [text]) => format!("({text}).lowerAscii()"),
        ("string join", [list]) => format!("({list}).join()"),
        ("string join", [list, separator]) => format!("({list}).join({separator})"),
        ("substring", [text, start]) => {
            format!("({text}).substring({})", position(text, start))
        }
        ("substring", [text, start, length]) => {
            let start = position(text, start);
            format!(
                "({text}).substring({start}, math.least(size({text}), {start} + int({length})))"
            )
        }
        ("substring before", [text, part]) => format!(
            "(({text}).contains({part}) ? ({text}).substring(0, ({text}).indexOf({part})) : \"\")"
        ),
        ("substring after", [text, part]) => format!(
            "(({text}).contains({part}) ? ({text}).substring(({text}).indexOf({part}) + size({part})) : \"\")"
        ),
        ("date and time", [text]) => moment(text),
        ("duration", [text]) => format!("duration({})", days_and_time(text)?),
        ("now" | "today", []) => return Err(no_clock(name)),
        ("day of year", [time]) => format!("double(({time}).getDayOfYear() + 1)"),
        _ => return Ok(None),
    }))
}

/// A method of ZEN's dates, as what stands behind the date.
pub(super) fn operator(name: &str, args: &[String]) -> Result<String, String> {
    let args: Vec<&str> = args.iter().map(|arg| arg.trim()).collect();
    let infix = |operator: &str| match args.as_slice() {
        [other] => Ok(format!(" {operator} ({other})")),
        _ => Err(format!("`{name}` with a unit has nothing like it in CEL")),
    };
    match name {
        "isBefore" => infix("<"),
        "isAfter" => infix(">"),
        "isSame" => infix("=="),
        "isSameOrBefore" => infix("<="),
        "isSameOrAfter" => infix(">="),
        "add" | "sub" => match args.as_slice() {
            [text] => {
                let sign = if name == "add" { '+' } else { '-' };
                Ok(format!(" {sign} duration({})", hours(text)?))
            }
            _ => Err(format!("`{name}` with a unit has nothing like it in CEL")),
        },
        "year" if args.is_empty() => Ok(".getFullYear()".to_owned()),
        "day" if args.is_empty() => Ok(".getDate()".to_owned()),
        "hour" if args.is_empty() => Ok(".getHours()".to_owned()),
        "minute" if args.is_empty() => Ok(".getMinutes()".to_owned()),
        "second" if args.is_empty() => Ok(".getSeconds()".to_owned()),
        _ => Err(format!("the method `{name}` is not known")),
    }
}

fn no_clock(name: &str) -> String {
    format!("`{name}()` reads the clock, which rules have not: make the time an input")
}

/// Numbers of JSON may be whole.
fn sum(list: &str) -> String {
    format!("({list}).map({ELEMENT}, double({ELEMENT})).sum()")
}

fn average(list: &str) -> String {
    format!("({} / double(size({list})))", sum(list))
}

fn median(list: &str) -> String {
    let sorted = format!("({list}).map({ELEMENT}, double({ELEMENT})).sort()");
    let size = format!("size({list})");
    format!("(({sorted}[({size} - 1) / 2] + {sorted}[{size} / 2]) / 2.0)")
}

/// A point in time from text, which CEL wants with its time and zone. A date alone is its midnight.
fn moment(text: &str) -> String {
    const MIDNIGHT: &str = "T00:00:00Z";
    if text.starts_with("timestamp(") {
        return text.to_owned();
    }
    let literal = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    match literal.map(|text| (text, text.split_once('T'))) {
        Some((date, None)) => format!("timestamp(\"{date}{MIDNIGHT}\")"),
        Some((moment, Some((_, time)))) if time.contains(['Z', 'z', '+', '-']) => {
            format!("timestamp(\"{moment}\")")
        }
        Some((moment, Some(_))) => format!("timestamp(\"{moment}Z\")"),
        None => format!("timestamp(size({text}) == 10 ? {text} + \"{MIDNIGHT}\" : {text})"),
    }
}

/// Rounded by decimal digits, as the number is written.
fn rounded(function: &str, number: &str, places: &str) -> String {
    format!("double(math.{function}(decimal({number}), int({places})))")
}

/// FEEL counts characters from 1 on, or from the end where the number is negative.
fn position(text: &str, start: &str) -> String {
    match start.parse::<f64>() {
        Ok(start) if start >= 1.0 => {
            format!("math.least(size({text}), {})", start as i64 - 1)
        }
        _ => format!(
            "(({start}) > 0.0 ? math.least(size({text}), int({start}) - 1) : math.greatest(0, size({text}) + int({start})))"
        ),
    }
}

/// `"P1DT2H"` as CEL writes durations.
fn days_and_time(text: &str) -> Result<String, String> {
    let unknown = || format!("the duration {text} is none of days, hours, minutes and seconds");
    let Some(content) = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
    else {
        return Err("a duration that is no constant has nothing like it in CEL".to_owned());
    };
    let (sign, content) = match content.strip_prefix('-') {
        Some(content) => ("-", content),
        None => ("", content),
    };
    let content = content.strip_prefix('P').ok_or_else(unknown)?;
    let (days, time) = content.split_once('T').unwrap_or((content, ""));
    let mut parts = String::new();
    if let Some(days) = days.strip_suffix('D') {
        let days: u32 = days.parse().map_err(|_| unknown())?;
        parts = format!("{}h", u64::from(days) * 24);
    } else if !days.is_empty() {
        return Err(unknown());
    }
    let is_known = |c: char| c.is_ascii_digit() || matches!(c, 'H' | 'M' | 'S' | '.');
    if !time.chars().all(is_known) || parts.is_empty() && time.is_empty() {
        return Err(unknown());
    }
    Ok(format!("\"{sign}{parts}{}\"", time.to_ascii_lowercase()))
}

/// ZEN's `"1d 2h"` as CEL writes durations.
fn hours(text: &str) -> Result<String, String> {
    let unknown = || format!("the duration {text} is none of days, hours, minutes and seconds");
    let content = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let mut parts = String::new();
    for part in content.ok_or_else(unknown)?.split_whitespace() {
        let unit = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let number: u32 = part[..part.len() - unit.len()]
            .parse()
            .map_err(|_| unknown())?;
        parts += &match unit {
            "d" => format!("{}h", u64::from(number) * 24),
            "h" | "m" | "s" => format!("{number}{unit}"),
            _ => return Err(unknown()),
        };
    }
    if parts.is_empty() {
        return Err(unknown());
    }
    Ok(format!("\"{parts}\""))
}
