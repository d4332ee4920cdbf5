// Comparable text of a `cel.expr.Value` in proto3 JSON: two values are the same where their texts are.

const WRAPPERS = {
  BoolValue: "boolValue",
  BytesValue: "bytesValue",
  StringValue: "stringValue",
  FloatValue: "doubleValue",
  DoubleValue: "doubleValue",
  Int32Value: "int64Value",
  Int64Value: "int64Value",
  UInt32Value: "uint64Value",
  UInt64Value: "uint64Value",
};

/** Kinds stay apart (`1` is not `1u`), NaN is itself, `-0.0` is `0.0`, and the order of map entries does not count. */
export function normalValue(value) {
  const [[kind, content] = [], ...more] = Object.entries(value ?? {});
  if (more.length > 0) throw new Error(`a value has one field: ${JSON.stringify(value)}`);
  switch (kind) {
    case "nullValue":
      return "null";
    case "boolValue":
      return String(content);
    case "int64Value":
      return BigInt(content).toString();
    case "uint64Value":
      return `${BigInt(content)}u`;
    case "doubleValue":
      return `double ${Number(content) + 0 || (Number.isNaN(Number(content)) ? "NaN" : 0)}`;
    case "stringValue":
      return JSON.stringify(content);
    case "bytesValue":
      return `bytes ${Buffer.from(content, "base64").toString("hex")}`;
    case "typeValue":
      return `type ${content}`;
    case "enumValue":
      return `enum ${content.type} ${content.value ?? 0}`;
    case "listValue":
      return `[${(content.values ?? []).map(normalValue).join(", ")}]`;
    case "mapValue":
      return normalMap((content.entries ?? []).map(({ key, value }) => [normalValue(key), normalValue(value)]));
    case "objectValue":
      return normalObject(content);
    default:
      throw new Error(`unknown kind of value: ${JSON.stringify(value)}`);
  }
}

function normalMap(entries) {
  const texts = entries.map(([key, value]) => `${key}: ${value}`);
  return `{${texts.sort().join(", ")}}`;
}

/** A message in the form of `google.protobuf.Any`; those that CEL unpacks are unpacked. */
function normalObject({ "@type": url, ...content }) {
  const name = url.slice(url.lastIndexOf("/") + 1);
  const short = name.startsWith("google.protobuf.") ? name.slice("google.protobuf.".length) : "";
  if (short === "Timestamp") return `timestamp ${nanosecondsOfTime(content.value)}`;
  if (short === "Duration") return `duration ${nanosecondsOfDuration(content.value)}`;
  if (short in WRAPPERS) return normalValue({ [WRAPPERS[short]]: content.value });
  if (["Struct", "ListValue", "Value"].includes(short)) return normalJson(content.value);
  return `${name} ${JSON.stringify(content)}`;
}

function normalJson(json) {
  if (Array.isArray(json)) return `[${json.map(normalJson).join(", ")}]`;
  if (json !== null && typeof json === "object") {
    return normalMap(Object.entries(json).map(([key, value]) => [JSON.stringify(key), normalJson(value)]));
  }
  return typeof json === "number" ? normalValue({ doubleValue: json }) : JSON.stringify(json);
}

/** Nanoseconds since 1970 of `2026-01-31T12:00:00.5Z`. */
function nanosecondsOfTime(text) {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (!match) throw new Error(`not a timestamp: ${text}`);
  return BigInt(Date.parse(match[1] + match[3])) * 1_000_000n + BigInt((match[2] ?? "").padEnd(9, "0"));
}

/** Nanoseconds of `-1.5s`. */
function nanosecondsOfDuration(text) {
  const match = /^(-?)(\d+)(?:\.(\d{1,9}))?s$/.exec(text);
  if (!match) throw new Error(`not a duration: ${text}`);
  const magnitude = BigInt(match[2]) * 1_000_000_000n + BigInt((match[3] ?? "").padEnd(9, "0"));
  return match[1] ? -magnitude : magnitude;
}
