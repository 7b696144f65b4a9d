// Every tool that can be set up, in the order they are listed, and every editor by the name of its format.

import type { FileFormat } from './change.ts'
import { aider } from './aider.ts'
import { claudeCode } from './claude-code.ts'
import { codex } from './codex.ts'
import { continueDev } from './continue.ts'
import { ENV_FILE } from './env-file.ts'
import { JSONC } from './jsonc.ts'
import { llm } from './llm.ts'
import { opencode } from './opencode.ts'
import type { FormatName, SetupTool } from './tool.ts'
import { TOML } from './toml.ts'
import { vscode } from './vscode.ts'
import { WHOLE_FILE } from './whole-file.ts'
import { YAML } from './yaml.ts'
import { zed } from './zed.ts'

export const SETUP_TOOLS: readonly SetupTool[] = [
  claudeCode,
  codex,
  continueDev,
  aider,
  opencode,
  vscode,
  zed,
  llm,
]

export const FORMATS: Readonly<Record<FormatName, FileFormat>> = {
  jsonc: JSONC,
  yaml: YAML,
  toml: TOML,
  env: ENV_FILE,
  whole: WHOLE_FILE,
}
