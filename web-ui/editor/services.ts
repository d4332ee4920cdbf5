// What the language services in the worker say, as the editor shows it: completion, types under the pointer, the
// way a function is called, declarations, and the formatted text. The page hands questions on and answers back.
import { autocompletion, snippetCompletion, type Completion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { type Extension, StateEffect, StateField } from "@codemirror/state";
import { EditorView, type Tooltip, ViewPlugin, type ViewUpdate, hoverTooltip, keymap, showTooltip } from "@codemirror/view";

type Answer =
  | { kind: "nothing" }
  | { kind: "completions"; from: number; options: Option[] }
  | { kind: "hover"; from: number; to: number; code: string; doc: string }
  | { kind: "signature"; label: string; from: number; to: number; n_more: number; doc: string }
  | { kind: "place"; from: number; to: number }
  | { kind: "text"; text: string }
  | { kind: "refused"; message: string };

interface Option {
  label: string;
  sort: string;
  detail: string;
  info: string;
  call: boolean | null;
}

/** Calls back with the answer as JSON, or with null. */
export type Ask = (question: string, text: string, offset: number, resolve: (json: string | null) => void) => void;

function asker(ask: Ask) {
  return (question: string, view: { state: EditorView["state"] }, offset: number) =>
    new Promise<Answer>((resolve) =>
      ask(question, view.state.doc.toString(), offset, (json) => resolve(json ? JSON.parse(json) : { kind: "nothing" })),
    );
}

/** All services for a file of rules. `reveal` shows a place. */
export function services(ask: Ask, reveal: (from: number, to: number) => void): Extension {
  const question = asker(ask);
  const define = (view: EditorView, offset: number) => {
    void question("definition", view, offset).then((answer) => answer.kind === "place" && reveal(answer.from, answer.to));
    return true;
  };
  return [
    autocompletion({ override: [(context) => complete(question, context)] }),
    hoverTooltip(async (view, offset) => {
      const answer = await question("hover", view, offset);
      return answer.kind === "hover" && answer.to <= view.state.doc.length ? hoverBox(answer) : null;
    }),
    signatures(question),
    keymap.of([
      { key: "F12", run: (view) => define(view, view.state.selection.main.head) },
      { key: "Shift-Alt-f", run: (view) => (format(ask, view), true) },
    ]),
    EditorView.domEventHandlers({
      mousedown(event, view) {
        if (!(event.ctrlKey || event.metaKey) || event.button !== 0) return false;
        const offset = view.posAtCoords({ x: event.clientX, y: event.clientY });
        return offset === null ? false : define(view, offset);
      },
    }),
  ];
}

type Question = ReturnType<typeof asker>;

async function complete(question: Question, context: CompletionContext): Promise<CompletionResult | null> {
  // Without a word, only where something must follow.
  if (!context.explicit && !context.matchBefore(/[A-Za-z_]\w*|\.|\|> ?|\bhit /)) return null;
  const answer = await question("complete", context, context.pos);
  if (context.aborted || answer.kind !== "completions") return null;
  const options = answer.options.map(({ label, sort, detail, info, call }, rank): Completion => {
    const completion = { label, type: sort, detail: call === null ? detail : undefined, info: info || detail || undefined, boost: -rank / 100 };
    if (call === null) return completion;
    return call ? snippetCompletion(`${label}(\${})`, completion) : { ...completion, apply: `${label}()` };
  });
  return { from: answer.from, options, validFor: /^\w*$/ };
}

function hoverBox(answer: { from: number; to: number; code: string; doc: string }): Tooltip {
  return {
    pos: answer.from,
    end: answer.to,
    above: true,
    create: () => ({ dom: box("hover", [code(answer.code), doc(answer.doc)]) }),
  };
}

function box(name: string, parts: (Node | null)[]): HTMLElement {
  const dom = document.createElement("div");
  dom.className = `told told-${name}`;
  for (const part of parts) if (part) dom.append(part);
  return dom;
}

function code(text: string): HTMLElement {
  const dom = document.createElement("code");
  dom.textContent = text;
  return dom;
}

function doc(text: string): HTMLElement | null {
  if (!text) return null;
  const dom = document.createElement("p");
  // The only markup that these texts have is `code`.
  for (const [index, part] of text.split("`").entries()) dom.append(index % 2 ? code(part) : part);
  return dom;
}

const setSignature = StateEffect.define<Tooltip | null>();
const signature = StateField.define<Tooltip | null>({
  create: () => null,
  update(tooltip, transaction) {
    for (const effect of transaction.effects) if (effect.is(setSignature)) return effect.value;
    return tooltip && transaction.docChanged ? { ...tooltip, pos: transaction.changes.mapPos(tooltip.pos) } : tooltip;
  },
  provide: (field) => showTooltip.from(field),
});

/** The call around the cursor, while its arguments are written. */
function signatures(question: Question): Extension {
  const asking = ViewPlugin.define((view) => {
    let last = 0;
    const show = (tooltip: Tooltip | null) => {
      if (tooltip !== view.state.field(signature)) view.dispatch({ effects: setSignature.of(tooltip) });
    };
    const look = async () => {
      const mine = ++last;
      const { state } = view;
      const head = state.selection.main.head;
      const answer = await question("signature", view, head);
      // Something else was typed since: its own answer comes.
      if (mine !== last || view.state.doc !== state.doc) return;
      show(answer.kind === "signature" ? { pos: head, above: true, create: () => ({ dom: signatureBox(answer) }) } : null);
    };
    return {
      update(update: ViewUpdate) {
        const isShown = update.state.field(signature) !== null;
        const isTyped = update.transactions.some((each) => each.isUserEvent("input") || each.isUserEvent("delete"));
        if (isTyped || (isShown && update.selectionSet)) void Promise.resolve().then(look);
      },
      destroy: () => void ++last,
    };
  });
  const close = (view: EditorView) => {
    if (view.state.field(signature) === null) return false;
    view.dispatch({ effects: setSignature.of(null) });
    return true;
  };
  return [signature, asking, keymap.of([{ key: "Escape", run: close }])];
}

function signatureBox(answer: { label: string; from: number; to: number; n_more: number; doc: string }): HTMLElement {
  const { label, from, to, n_more } = answer;
  const line = code(label.slice(0, from));
  const active = document.createElement("b");
  active.textContent = label.slice(from, to);
  line.append(active, label.slice(to));
  if (n_more > 0) line.append(` (${n_more} more)`);
  return box("signature", [line, doc(answer.doc)]);
}

/** Formats the text; only what differs is changed, so that cursors stay where they are. */
export function format(ask: Ask, view: EditorView) {
  const before = view.state.doc;
  void asker(ask)("format", view, 0).then((answer) => {
    if (view.state.doc !== before || answer.kind !== "text") return;
    const old = before.toString();
    let start = 0;
    while (start < old.length && old[start] === answer.text[start]) start++;
    let end = 0;
    const most = Math.min(old.length, answer.text.length) - start;
    while (end < most && old[old.length - 1 - end] === answer.text[answer.text.length - 1 - end]) end++;
    const changes = { from: start, to: old.length - end, insert: answer.text.slice(start, answer.text.length - end) };
    if (changes.from < changes.to || changes.insert) view.dispatch({ changes, userEvent: "format" });
  });
}
