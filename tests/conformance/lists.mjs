// The checked-in lists of cases that are skipped for good (skips.json) and that fail for now (pending.json).
import { readFileSync, writeFileSync } from "node:fs";

const path = (name) => new URL(`${name}.json`, import.meta.url);

/** Groups `{ reason, cases }`; a case is an id, or `file/*` or `file/section/*`. */
export const read = (name) => JSON.parse(readFileSync(path(name), "utf8"));

export const write = (name, groups) => writeFileSync(path(name), `${JSON.stringify(groups, undefined, 2)}\n`);

const matches = (pattern, id) => (pattern.endsWith("/*") ? id.startsWith(pattern.slice(0, -1)) : id === pattern);

/** The group of each listed id; and patterns that match no case, or one that is listed already. */
export function resolve(groups, ids) {
  const groupOf = new Map();
  const problems = [];
  for (const group of groups) {
    if (!group.reason) problems.push(`a group of ${group.cases.length} cases has no reason`);
    for (const pattern of group.cases) {
      const matched = ids.filter((id) => matches(pattern, id));
      if (matched.length === 0) problems.push(`${pattern}: there is no such case`);
      for (const id of matched) {
        if (groupOf.has(id)) problems.push(`${id}: listed twice`);
        groupOf.set(id, group);
      }
    }
  }
  return { groupOf, problems };
}

/** The ids, with `*` for files and sections of which all cases are among them. */
export function patterns(ids, allIds) {
  let listed = [...ids];
  for (const depth of [1, 2]) {
    const parent = (id) => `${id.split("/").slice(0, depth).join("/")}/`;
    // Names of the flat files are expressions, which may contain slashes.
    const isParent = (prefix) => depth === 1 || !/^(comprehension|parsing|checking)\//.test(prefix);
    const wanted = new Set(listed);
    for (const prefix of new Set(listed.filter((id) => !id.endsWith("/*")).map(parent))) {
      const members = allIds.filter((id) => id.startsWith(prefix));
      if (!isParent(prefix) || members.length < 2 || !members.every((id) => wanted.has(id))) continue;
      listed = [...listed.filter((id) => !id.startsWith(prefix)), `${prefix}*`];
    }
  }
  return listed.sort();
}

/** Pending groups of a run: one for each kind of failure, with the reasons that people gave before. */
export function pendingGroups(failed, earlier, allIds) {
  const reasons = new Map(earlier.map(({ error, reason }) => [error, reason]));
  const groups = new Map();
  for (const { id, problem } of failed) {
    if (!groups.has(problem.group)) groups.set(problem.group, []);
    groups.get(problem.group).push(id);
  }
  return [...groups]
    .map(([error, ids]) => ({ error, reason: reasons.get(error) ?? error, n: ids.length, cases: patterns(ids, allIds) }))
    .sort((one, other) => other.n - one.n || (one.error < other.error ? -1 : 1))
    .map(({ error, reason, cases }) => ({ error, reason, cases }));
}
