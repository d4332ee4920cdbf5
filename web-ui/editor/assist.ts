// What helps people write, in a file of its own: nothing of it shows before they enter the editor.
import { autocompletion, closeBrackets, closeBracketsKeymap, completeAnyWord, completionKeymap } from "@codemirror/autocomplete";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import type { Extension } from "@codemirror/state";
import { keymap } from "@codemirror/view";
import { type Ask, services } from "./services";

export { format } from "./services";

const ASSISTANCE = [
  highlightSelectionMatches(),
  closeBrackets(),
  autocompletion({ icons: false }),
  keymap.of([...closeBracketsKeymap, ...searchKeymap, ...completionKeymap]),
];

/** All of it for a file. `reveal` shows a place. */
export function assist(path: string, ask: Ask, reveal: (from: number, to: number) => void): Extension {
  const words = path.endsWith(".rules") ? services(ask, reveal) : autocompletion({ override: [completeAnyWord] });
  return [words, ASSISTANCE];
}
