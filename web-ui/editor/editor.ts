// The text editor: CodeMirror 6 behind the few functions that the page calls.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { HighlightStyle, bracketMatching, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState, Prec, RangeSet, StateEffect, StateField, Transaction } from "@codemirror/state";
import {
  Decoration,
  type DecorationSet,
  EditorView,
  GutterMarker,
  WidgetType,
  crosshairCursor,
  drawSelection,
  dropCursor,
  gutter,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
  rectangularSelection,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { languageOf } from "./rules-language";
import type { Ask } from "./services";

/** A message about the text; offsets are UTF-16. */
interface Diagnostic {
  from: number;
  to: number;
  severity: "error" | "warning" | "note";
  code: string;
  message: string;
  hints: string[];
}

/** A message under the line that it is about. */
class MessageWidget extends WidgetType {
  constructor(readonly diagnostic: Diagnostic) {
    super();
  }
  eq(other: MessageWidget) {
    return JSON.stringify(other.diagnostic) === JSON.stringify(this.diagnostic);
  }
  toDOM() {
    const { severity, message, hints, code } = this.diagnostic;
    const box = document.createElement("div");
    box.className = `message message-${severity}`;
    box.setAttribute("role", "note");
    const text = document.createElement("span");
    text.textContent = `${severity}: ${message}`;
    text.title = code;
    box.append(text);
    for (const hint of hints) {
      const line = document.createElement("span");
      line.className = "message-hint";
      line.textContent = `hint: ${hint}`;
      box.append(line);
    }
    return box;
  }
}

/** Messages that keep their places while the text changes, until others come. */
function messageField() {
  const set = StateEffect.define<Diagnostic[]>();
  const field = StateField.define<DecorationSet>({
    create: () => Decoration.none,
    update(decorations, transaction) {
      let next = decorations.map(transaction.changes);
      for (const effect of transaction.effects) if (effect.is(set)) next = decorate(transaction.state, effect.value);
      return next;
    },
    provide: (field) => EditorView.decorations.from(field),
  });
  return { set, field };
}

/** What the compiler says, with every change. */
const messages = messageField();
/** What is found when there is time to look closer. */
const findings = messageField();

/** What the examples show of a line. */
interface CoveredLine {
  line: number;
  n_points: number;
  missing: string[];
}

/** Beside a line: whether examples show all, a part or nothing of it. Words for it are in the tab of the tests, too. */
class CoverageMarker extends GutterMarker {
  constructor(readonly covered: CoveredLine) {
    super();
  }
  eq(other: CoverageMarker) {
    return JSON.stringify(other.covered) === JSON.stringify(this.covered);
  }
  toDOM() {
    const { n_points, missing } = this.covered;
    const mark = document.createElement("span");
    mark.className = `coverage coverage-${missing.length === 0 ? "all" : missing.length === n_points ? "none" : "part"}`;
    const shown = `${n_points - missing.length} of ${n_points} shown by examples`;
    mark.title = [shown, ...missing].join("\n");
    return mark;
  }
}

const setCoverage = StateEffect.define<CoveredLine[]>();
const coverage = StateField.define<RangeSet<GutterMarker>>({
  create: () => RangeSet.empty,
  update(markers, transaction) {
    let next = markers.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setCoverage)) continue;
      const { doc } = transaction.state;
      const known = effect.value.filter(({ line }) => line <= doc.lines);
      next = RangeSet.of(known.map((covered) => new CoverageMarker(covered).range(doc.line(covered.line).from)));
    }
    return next;
  },
});
const coverageGutter = [coverage, gutter({ class: "cm-coverage", markers: (view) => view.state.field(coverage) })];

function decorate(state: EditorState, diagnostics: Diagnostic[]): DecorationSet {
  const ranges = [];
  for (const diagnostic of diagnostics) {
    const from = Math.min(diagnostic.from, state.doc.length);
    let to = Math.min(Math.max(diagnostic.to, from), state.doc.length);
    if (to === from) to = Math.min(from + 1, state.doc.length);
    if (to > from) ranges.push(Decoration.mark({ class: `squiggle squiggle-${diagnostic.severity}` }).range(from, to));
    const line = state.doc.lineAt(from);
    ranges.push(Decoration.widget({ widget: new MessageWidget(diagnostic), block: true, side: 1 }).range(line.to));
  }
  return RangeSet.of(ranges, true);
}

/** The messages of a state, in the order of the text. */
function problems(state: EditorState): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = [];
  for (const { field } of [messages, findings]) {
    state.field(field).between(0, state.doc.length, (from, to, decoration) => {
      if (!decoration.spec.widget) found.push({ from, to });
    });
  }
  return found.sort((a, b) => a.from - b.from);
}

const setFocus = StateEffect.define<{ from: number; to: number } | null>();
const focus = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(decorations, transaction) {
    let next = transaction.docChanged ? Decoration.none : decorations;
    for (const effect of transaction.effects) {
      if (!effect.is(setFocus)) continue;
      const range = effect.value;
      next = range && range.to > range.from ? Decoration.set([Decoration.mark({ class: "pointed-at" }).range(range.from, range.to)]) : Decoration.none;
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, class: "tok-keyword" },
  { tag: tags.operatorKeyword, class: "tok-keyword" },
  { tag: tags.typeName, class: "tok-type" },
  { tag: tags.string, class: "tok-string" },
  { tag: tags.number, class: "tok-number" },
  { tag: tags.atom, class: "tok-number" },
  { tag: tags.comment, class: "tok-comment" },
  { tag: tags.function(tags.variableName), class: "tok-function" },
  { tag: tags.propertyName, class: "tok-property" },
]);

/** What every editor does, and no more: it is part of the first load. */
const EDITING = [
  lineNumbers(),
  highlightActiveLineGutter(),
  highlightActiveLine(),
  highlightSpecialChars(),
  history(),
  drawSelection(),
  dropCursor(),
  EditorState.allowMultipleSelections.of(true),
  rectangularSelection(),
  crosshairCursor(),
  indentOnInput(),
  bracketMatching(),
  keymap.of([...defaultKeymap, ...historyKeymap]),
];

/** Completion, search and what the language services say: fetched when people first enter the editor. */
const assistance = new Compartment();
let assistant: typeof import("./assist") | undefined;

/** An editor with its text per file, so that undo and selection survive a change of tab. */
export class Editor {
  private view: EditorView;
  private states = new Map<string, EditorState>();
  private path = "";

  constructor(
    parent: HTMLElement,
    private onChange: (path: string, text: string) => void,
    private onRun: () => void,
    private onAsk: Ask,
    private onNext: (path: string) => void,
  ) {
    this.view = new EditorView({ parent, state: this.stateOf("", "") });
    // What can't be fetched is tried again the next time.
    for (const entered of ["focusin", "pointerenter"]) parent.addEventListener(entered, () => void this.assist().catch(() => {}));
  }

  private async assist() {
    if (assistant) return assistant;
    assistant = await import("./assist");
    this.view.dispatch({ effects: assistance.reconfigure(this.assistanceFor(this.path)) });
    return assistant;
  }

  private assistanceFor(path: string) {
    return assistant?.assist(path, this.onAsk, (from, to) => this.reveal(from, to, true)) ?? [];
  }

  private stateOf(path: string, text: string): EditorState {
    return EditorState.create({
      doc: text,
      extensions: [
        Prec.highest(keymap.of([{ key: "Mod-Enter", run: () => (this.onRun(), true) }])),
        keymap.of([indentWithTab]),
        keymap.of([
          { key: "F8", run: () => this.goToProblem(1) },
          { key: "Shift-F8", run: () => this.goToProblem(-1) },
        ]),
        assistance.of(this.assistanceFor(path)),
        EDITING,
        languageOf(path),
        syntaxHighlighting(colours),
        messages.field,
        findings.field,
        path.endsWith(".rules") ? coverageGutter : [],
        focus,
        EditorView.contentAttributes.of({ "aria-label": path ? `source of ${path}` : "source", spellcheck: "false" }),
        EditorView.updateListener.of((update) => {
          const isOurs = update.transactions.some((transaction) => transaction.annotation(Transaction.remote));
          if (update.docChanged && !isOurs) this.onChange(this.path, update.state.doc.toString());
        }),
      ],
    });
  }

  /** Shows a file; `text` is used when it is shown for the first time or is another text than before. */
  show(path: string, text: string) {
    if (path !== this.path) {
      if (this.path) this.states.set(this.path, this.view.state);
      this.path = path;
      this.view.setState(this.states.get(path) ?? this.stateOf(path, text));
      // What is kept from before may be without.
      this.view.dispatch({ effects: assistance.reconfigure(this.assistanceFor(path)) });
    }
    if (this.view.state.doc.toString() !== text) {
      this.view.dispatch({
        changes: { from: 0, to: this.view.state.doc.length, insert: text },
        annotations: Transaction.remote.of(true),
      });
    }
  }

  /** Forgets every file: another project begins. */
  reset() {
    this.states.clear();
    this.path = "";
  }

  /** Shows messages about the file that is open. */
  diagnose(path: string, json: string) {
    if (path === this.path) this.view.dispatch({ effects: messages.set.of(JSON.parse(json)) });
  }

  /** Shows what was found in the file that is open. */
  find(path: string, json: string) {
    if (path === this.path) this.view.dispatch({ effects: findings.set.of(JSON.parse(json)) });
  }

  /** Shows what the examples show of the file that is open. */
  cover(path: string, json: string) {
    if (path === this.path) this.view.dispatch({ effects: setCoverage.of(JSON.parse(json)) });
  }

  /** The next or last problem behind or before the cursor; that of another file where this one has none. */
  private goToProblem(step: 1 | -1): boolean {
    const found = problems(this.view.state);
    if (!found.length) {
      this.onNext(this.path);
      return true;
    }
    const head = this.view.state.selection.main.head;
    const behind = found.find(({ from }) => from > head) ?? found[0];
    const before = found.findLast(({ from }) => from < head) ?? found[found.length - 1];
    const { from, to } = step > 0 ? behind : before;
    this.reveal(from, to, true);
    return true;
  }

  async format() {
    this.view.focus();
    (await this.assist()).format(this.onAsk, this.view);
  }

  /** Scrolls to a place and marks it. */
  reveal(from: number, to: number, takeFocus: boolean) {
    const end = this.view.state.doc.length;
    const range = { from: Math.min(from, end), to: Math.min(to, end) };
    this.view.dispatch({ effects: [setFocus.of(range), EditorView.scrollIntoView(range.from, { y: "center" })] });
    if (takeFocus) {
      this.view.dispatch({ selection: { anchor: range.from } });
      this.view.focus();
    }
  }
}
export { pack, unpack } from "./share";
