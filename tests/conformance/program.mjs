// Questions to `rulestage eval --batch`, in several processes.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const STALLED_AFTER_MS = 60_000;
const QUESTIONS_AT_ONCE = 150;

/** The answer to each question, in order. One that ends the program is answered by the error `crashed`. */
export async function ask(program, questions, nProcesses = 2) {
  const answers = new Array(questions.length);
  let next = 0;
  const work = async () => {
    while (next < questions.length) {
      let start = next;
      const end = (next = Math.min(start + QUESTIONS_AT_ONCE, questions.length));
      while (start < end) {
        const { found, reason } = await askOnce(program, questions.slice(start, end));
        found.forEach((answer, index) => (answers[start + index] = answer));
        start += found.length;
        if (start < end) answers[start++] = { error: { code: "crashed", message: reason } };
      }
    }
  };
  await Promise.all(Array.from({ length: nProcesses }, work));
  return answers;
}

/** As many answers as the program gives before it ends, and why it ended early. */
function askOnce(program, questions) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ["eval", "--batch"], { stdio: ["pipe", "pipe", "pipe"] });
    const found = [];
    let complaints = "";
    let isStalled = false;
    const stop = () => {
      isStalled = true;
      child.kill("SIGKILL");
    };
    let timer = setTimeout(stop, STALLED_AFTER_MS);
    createInterface({ input: child.stdout }).on("line", (line) => {
      clearTimeout(timer);
      timer = setTimeout(stop, STALLED_AFTER_MS);
      found.push(JSON.parse(line));
    });
    child.stderr.on("data", (data) => (complaints = (complaints + data).slice(-2000)));
    child.stdin.on("error", () => {}); // the program has ended; `close` tells
    child.on("error", reject);
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      const reason = isStalled ? `no answer in ${STALLED_AFTER_MS / 1000} s` : `the program ended (${signal ?? status}): ${complaints.trim()}`;
      resolve({ found, reason });
    });
    child.stdin.end(questions.map((question) => `${JSON.stringify(question)}\n`).join(""));
  });
}
