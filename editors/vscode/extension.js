// Starts `rulestage lsp` for `.rules` files.
const { workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

exports.activate = () => {
  const command = workspace.getConfiguration("rulestage").get("path") || "rulestage";
  client = new LanguageClient(
    "rulestage",
    "Rulestage",
    { command, args: ["lsp"] },
    { documentSelector: [{ language: "rules" }] },
  );
  return client.start();
};

exports.deactivate = () => client?.stop();
