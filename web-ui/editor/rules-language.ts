// Highlighting for `.rules` and `.toml`, by line: the compiler in the worker is the judge of what is right.
import { LanguageSupport, StreamLanguage, type StreamParser } from "@codemirror/language";

const BLOCKS = /^(ruleset|version|input|param|output|let|rule|priority|when|then|else|if|example|given|params|expect|table|hit|merge|func|invariant|assert)$/;
const MERGES = /^(first|last|sum|min|max|collect|unique)$/;
const TYPES = /^(bool|int|uint|double|string|bytes|timestamp|duration|decimal|list|map|optional|dyn)$/;
const CONSTANTS = /^(true|false|null)$/;

interface State {
  inBlockComment: boolean;
}

const rules: StreamParser<State> = {
  name: "rules",
  startState: () => ({ inBlockComment: false }),
  token(stream, state) {
    if (state.inBlockComment) {
      if (stream.skipTo("*/")) {
        stream.match("*/");
        state.inBlockComment = false;
      } else stream.skipToEnd();
      return "comment";
    }
    if (stream.eatSpace()) return null;
    if (stream.match("//")) {
      stream.skipToEnd();
      return "comment";
    }
    if (stream.match("/*")) {
      state.inBlockComment = true;
      return "comment";
    }
    if (stream.match(/^[rR]?[bB]?("""[^]*?"""|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)/)) return "string";
    if (stream.match(/^(0x[0-9a-fA-F]+u?|\d+(\.\d+)?([eE][+-]?\d+)?u?)/)) return "number";
    const word = stream.match(/^[A-Za-z_][A-Za-z0-9_]*/) as RegExpMatchArray | null;
    if (word) {
      const name = word[0];
      const before = stream.string.slice(0, stream.start).trimEnd();
      if (CONSTANTS.test(name)) return "atom";
      if (BLOCKS.test(name)) return "keyword";
      if (TYPES.test(name) && stream.peek() !== ".") return "typeName";
      if (/\bhit( (rule|output|collect))?$/.test(before)) return "typeName";
      if (MERGES.test(name) && before.endsWith("merge")) return "typeName";
      if (name === "in") return "operatorKeyword";
      return stream.peek() === "(" ? "variableName.function" : "variableName";
    }
    if (stream.match(/^(&&|\|\||==|!=|<=|>=|\?\?|\|>|[-+*/%<>!?=])/)) return "operator";
    stream.next();
    return null;
  },
  languageData: { commentTokens: { line: "//", block: { open: "/*", close: "*/" } }, closeBrackets: { brackets: ["(", "[", "{", '"'] } },
};

const toml: StreamParser<unknown> = {
  name: "toml",
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match("#")) {
      stream.skipToEnd();
      return "comment";
    }
    if (stream.sol() && stream.match(/^\[\[?[^\]]*\]\]?/)) return "keyword";
    if (stream.match(/^("(?:[^"\\]|\\.)*"?|'[^']*'?)/)) return "string";
    if (stream.match(/^(true|false)\b/)) return "atom";
    if (stream.match(/^[+-]?\d[\d_.:TZ-]*/)) return "number";
    if (stream.match(/^[A-Za-z_][\w-]*(?=\s*=)/)) return "propertyName";
    stream.next();
    return null;
  },
  languageData: { commentTokens: { line: "#" } },
};

/** Colours by line; what words mean and what fits where, the services in the worker know. */
export function languageOf(path: string): LanguageSupport {
  return new LanguageSupport(StreamLanguage.define<unknown>(path.endsWith(".toml") ? toml : (rules as StreamParser<unknown>)));
}
