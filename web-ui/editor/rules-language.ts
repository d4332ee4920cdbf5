// Highlighting for `.rules` and `.toml`, by line: the compiler in the worker is the judge of what is right.
import { LanguageSupport, StreamLanguage, type StreamParser } from "@codemirror/language";
import { completeFromList, type CompletionContext, completeAnyWord } from "@codemirror/autocomplete";

const BLOCKS = /^(ruleset|version|input|param|output|let|rule|priority|when|then|else|if|example|given|expect|table|hit|merge|func)$/;
const MERGES = /^(first|last|sum|min|max|collect|unique)$/;
const TYPES = /^(bool|int|uint|double|string|bytes|timestamp|duration|list|map)$/;
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
      if (CONSTANTS.test(name)) return "atom";
      if (BLOCKS.test(name)) return "keyword";
      if (TYPES.test(name) && stream.peek() !== ".") return "typeName";
      if (MERGES.test(name) && stream.string.slice(0, stream.start).trimEnd().endsWith("merge")) return "typeName";
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

const KEYWORDS = [
  "ruleset", "version", "input", "param", "output", "let", "rule", "priority", "when", "then", "else", "example", "given",
  "expect", "merge first", "merge last", "merge sum", "merge min", "merge max", "merge collect", "merge unique",
].map((label) => ({ label, type: "keyword" }));
const FUNCTIONS = [
  "size", "contains", "startsWith", "endsWith", "getFullYear", "getMonth", "getDayOfMonth", "getDayOfWeek", "getHours",
  "getMinutes", "getSeconds", "timestamp", "duration", "string", "double", "int", "uint", "bool",
].map((label) => ({ label, type: "function" }));

/** Keywords and functions first, then every word of the text: the names of its inputs, params and outputs. */
function complete(context: CompletionContext) {
  return context.matchBefore(/\w+/) || context.explicit ? completeFromList([...KEYWORDS, ...FUNCTIONS])(context) : null;
}

export function languageOf(path: string): LanguageSupport {
  if (path.endsWith(".toml")) return new LanguageSupport(StreamLanguage.define(toml));
  const language = StreamLanguage.define(rules);
  return new LanguageSupport(language, [
    language.data.of({ autocomplete: complete }),
    language.data.of({ autocomplete: completeAnyWord }),
  ]);
}
