-- Neovim 0.11 or later: copy this to ~/.config/nvim/plugin/rulestage.lua.
vim.filetype.add({ extension = { rules = "rules" } })

vim.lsp.config("rulestage", {
  cmd = { "rulestage", "lsp" },
  filetypes = { "rules" },
  root_markers = { "pipeline.toml", ".git" },
})
vim.lsp.enable("rulestage")

vim.api.nvim_create_autocmd("FileType", {
  pattern = "rules",
  callback = function()
    vim.bo.commentstring = "// %s"
    vim.bo.shiftwidth = 2
    vim.bo.expandtab = true
  end,
})
