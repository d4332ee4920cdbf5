// docs/conformance.md: what a run gave.

/** The page. `results` are `{ id, file, state, group }` with the states passed, failed, pending and skipped. */
export function page(results, { version, specVersion }) {
  const files = [...new Set(results.map(({ file }) => file))];
  const count = (of, state) => of.filter((each) => each.state === state).length;
  const cells = (of) => [of.length, count(of, "passed"), count(of, "pending"), count(of, "skipped")].join(" | ");
  const hasFailed = count(results, "failed") > 0;
  const rows = files.map((file) => `| ${file} | ${cells(results.filter((each) => each.file === file))} |`);
  return `# Conformance to CEL

The cases of [\`@bufbuild/cel-spec\`](https://www.npmjs.com/package/@bufbuild/cel-spec) ${version} (cel-spec ${specVersion}), each compiled to a
component and run by \`rulestage eval --batch\`. \`npm test --prefix tests/conformance\` runs them, and fails where this page, made with
\`BLESS=1\`, is not what the run gives.

| File | Cases | Passed | Pending | Skipped |
|---|---:|---:|---:|---:|
${rows.join("\n")}
| **All** | ${cells(results)} |
${hasFailed ? `\n${count(results, "failed")} cases failed.\n` : ""}
Of the cases that apply, those not skipped, ${share(count(results, "passed"), results.length - count(results, "skipped"))} pass. A case that is listed as pending or skipped and passes
is an error, so that the lists below stay true.

## How answers are compared

- Values by \`cel.expr.Value\`: kinds are kept apart (\`1\` is not \`1u\`), NaN equals itself, map entries have no order.
- A case that expects an error needs one, with the row error code that its text determines: "divide by zero", "modulus by
  zero", "overflow", "no such key", "index out of range", "no such overload". What the checker finds before the evaluation
  counts where it is the same mistake: rule sets are always checked. "Not supported yet" never counts.
- \`type_deductions\` and \`checking\` compare the deduced type. \`type\` has no parameter here.
- \`parsing\` has syntax trees in a notation of cel-go, which are not compared: what is to be accepted must be accepted, what
  is to be refused must be refused, and where a type is given it is compared.
- \`comprehension\` has expressions alone; that they are to be true, or to fail, is our reading of the tests of cel-go that they
  were taken from.

## Pending

Fails for now.

${reasons(results, "pending")}

## Skipped

Not meant to pass.

${reasons(results, "skipped")}
`;
}

const share = (part, whole) => `${((100 * part) / whole).toFixed(1)} %`;

function reasons(results, state) {
  const counts = new Map();
  for (const { group, ...each } of results) {
    if (each.state !== state) continue;
    const reason = group.reason === group.error ? `\`${group.reason.replaceAll("`", "'")}\`` : group.reason;
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  if (counts.size === 0) return "Nothing.";
  const rows = [...counts].sort(([one, n], [other, m]) => m - n || (one < other ? -1 : 1));
  return `| Cases | Reason |\n|---:|---|\n${rows.map(([reason, n]) => `| ${n} | ${reason.replace(/\|/g, "\\|")} |`).join("\n")}`;
}
