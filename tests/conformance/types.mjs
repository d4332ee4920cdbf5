// CEL types as the suites write them (`cel.expr.Type`, cel-go's text) and as the program does, made comparable.

const PRIMITIVES = { BOOL: "bool", INT64: "int", UINT64: "uint", DOUBLE: "double", STRING: "string", BYTES: "bytes" };

/** Messages that CEL treats as types of its own. */
const MESSAGES = {
  "google.protobuf.Timestamp": "timestamp",
  "google.protobuf.Duration": "duration",
  "google.protobuf.Any": "dyn",
  "google.protobuf.Value": "dyn",
  "google.protobuf.ListValue": "list<dyn>",
  "google.protobuf.Struct": "map<string, dyn>",
  "google.protobuf.BoolValue": "bool?",
  "google.protobuf.BytesValue": "bytes?",
  "google.protobuf.StringValue": "string?",
  "google.protobuf.FloatValue": "double?",
  "google.protobuf.DoubleValue": "double?",
  "google.protobuf.Int32Value": "int?",
  "google.protobuf.Int64Value": "int?",
  "google.protobuf.UInt32Value": "uint?",
  "google.protobuf.UInt64Value": "uint?",
};

/** Other names of the same type. The program's `type` has no parameter. */
const NAMES = { null: "null_type", optional_type: "optional" };

const generic = (name, args) => (args.length > 0 ? `${name}<${args.join(", ")}>` : name);

/** The program's notation of a `cel.expr.Type` in proto3 JSON. */
export function typeOfProto(type) {
  const [[kind, content] = []] = Object.entries(type);
  switch (kind) {
    case "dyn":
      return "dyn";
    case "null":
      return "null_type";
    case "primitive":
      return PRIMITIVES[content];
    case "wrapper":
      return `${PRIMITIVES[content]}?`;
    case "wellKnown":
      return { ANY: "dyn", TIMESTAMP: "timestamp", DURATION: "duration" }[content];
    case "listType":
      return `list<${typeOfProto(content.elemType ?? { dyn: {} })}>`;
    case "mapType":
      return `map<${typeOfProto(content.keyType ?? { dyn: {} })}, ${typeOfProto(content.valueType ?? { dyn: {} })}>`;
    case "messageType":
      return MESSAGES[content] ?? content;
    case "type":
      return "type";
    case "typeParam":
      return content;
    case "abstractType":
      return generic(NAMES[content.name] ?? content.name, (content.parameterTypes ?? []).map(typeOfProto));
    default:
      throw new Error(`unknown kind of type: ${JSON.stringify(type)}`);
  }
}

/** The program's notation of a type in its own or in cel-go's: `list(int)` is `list<int>`. */
export function normalType(text) {
  let at = 0;
  const type = () => {
    const name = /^[\w.]+/.exec(text.slice(at))?.[0];
    if (!name) throw new Error(`not a type: ${text}`);
    at += name.length;
    const args = [];
    if (text[at] === "(" || text[at] === "<") {
      const closing = text[at] === "(" ? ")" : ">";
      do {
        at += /^[(<,] */.exec(text.slice(at))[0].length;
        args.push(type());
      } while (text[at] === ",");
      if (text[at++] !== closing) throw new Error(`not a type: ${text}`);
    }
    let result = name === "type" ? "type" : name === "wrapper" ? `${args[0]}?` : generic(NAMES[name] ?? MESSAGES[name] ?? name, args);
    for (; text[at] === "?"; at++) result += "?";
    return result;
  };
  const result = type();
  if (at !== text.length) throw new Error(`not a type: ${text}`);
  return result;
}
