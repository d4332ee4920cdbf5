import { open, ran, replace, start } from "./playground.mjs";
const RULES = `ruleset fares {
  input { delay: int?  distance: int  origin: string }
  output { refund: double = 0.0 merge sum  note: string = "none" }
  let late = (delay ?? 0) > 60
  rule some { when late && (delay ?? 0) > 30 then { refund = 50.0, note = "late" } }
  rule far { when distance > 1000 then { refund = 120.0 } }
  rule never { when distance < 5 && distance > 9 then { note = "x" } }
  table sizes hit first {
    | distance || refund |
    | > 2000   || 2.0    |
    | < 100    || 3.0    |
    | > 2500   || 4.0    |
  }
  invariant "at most 150" { assert refund <= 150.0 }
  invariant "notes say late" { when note == "late" assert late }
  invariant "idle" { when late && !late assert false }
  example "late" { given { delay: 100, distance: 300, origin: "" } expect { refund: 50.0 } }
}
`;
const p = await start();
for (const scheme of ["light", "dark"]) {
  const page = await open(p, "", { colorScheme: scheme });
  await ran(page);
  await page.screenshot({ path: `/tmp/tools4/${scheme}-0.png` });
  await page.locator(".cm-content").first().click();
  // one file only
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText(RULES);
  await page.waitForTimeout(3000);
  await page.getByRole("tab", { name: /^Tests/ }).click();
  await page.waitForTimeout(500);
  await page.screenshot({ path: `/tmp/tools4/${scheme}-1.png` });
  console.log(await page.locator(".tests").innerText().catch((e) => String(e)));
  console.log(page.faults);
}
await p.close();
