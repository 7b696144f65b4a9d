// `weir serve`, the default command: loads the configuration, listens, tells a person how to begin, and runs until a signal.

import { startApp, type App } from '../app.ts'
import { loadConfig } from '../config/load.ts'
import type { Config, LoadedConfig } from '../config/config.ts'
import { ConfigError, formatProblem, type ConfigProblem } from '../config/problem.ts'
import { watchConfig } from '../config/watch.ts'
import { providerUid, type Provider } from '../core/catalog.ts'
import type { Logger } from '../core/ports.ts'
import { isUsable } from '../gateway/resolve.ts'
import { createLogger } from '../telemetry/log.ts'
import { textOption } from './arguments.ts'
import type { Command, CommandInput, Output } from './command.ts'
import { guardrailProblems } from './guardrail-proof.ts'
import { useEnvironmentFile } from './service/environment-file.ts'
import { isErrorTerminal } from './standard-output.ts'

export const serve: Command = {
  name: 'serve',
  summary: 'run the gateway (the default command)',
  usage: 'serve [--host HOST] [--port PORT] [--env-file FILE]',
  options: [
    { flag: '--host', value: 'HOST', doc: 'address to listen on (default 127.0.0.1)' },
    { flag: '--port', value: 'PORT', doc: 'port to listen on (default 9347; 0 takes a free one)' },
    {
      flag: '--env-file',
      value: 'FILE',
      doc: 'file with variables, NAME=value per line, readable by you alone',
    },
  ],
  examples: ['weir', 'weir serve --port 8080', 'OPENAI_API_KEY=sk-… weir'],
  positionalsMax: 0,
  run: runServe,
}

async function runServe(input: CommandInput): Promise<number> {
  const { output, configFlags } = input
  const variables = textOption(input, 'env-file')
  if (variables !== undefined) useEnvironmentFile(variables)
  const loaded = loadConfig({ flags: configFlags })
  const unusable = await guardrailProblems(loaded.config)
  if (unusable.length > 0) throw new ConfigError(unusable)
  let current = loaded.config
  let level = () => current.log.level
  const logger = createServeLogger(() => level(), current.log.format, output)
  // From before the first line is printed: whoever reads it may stop the process at once.
  const signalled = untilSignal(logger)
  const app = await startApp(current, logger)
  // What was changed while it ran counts as well.
  level = app.logLevel
  const refuse = (problems: readonly ConfigProblem[]) => {
    app.configurationRefused()
    for (const problem of problems) {
      logger.error('configuration refused, the running one stays', {
        problem: formatProblem(problem),
      })
    }
  }
  const takeOver = async (config: Config) => {
    const broken = await guardrailProblems(config)
    if (broken.length > 0) return refuse(broken)
    tellAddressChange(current, config, logger)
    current = config
    await app.reload(config)
    logger.info('configuration reloaded')
  }
  // One after the other: the last edit is the one in force.
  let taking = Promise.resolve()
  const watcher = watchConfig(
    loaded,
    {
      changed: (next) => {
        const before = taking
        taking = Promise.allSettled([before])
          .then(() => takeOver(next.config))
          .catch((error: unknown) =>
            logger.error('configuration not taken over', { error: String(error) }),
          )
      },
      refused: (problems) => refuse(problems),
    },
    { flags: configFlags },
  )
  process.on('SIGHUP', () => watcher.check())
  for (const warning of loaded.warnings) logger.warn(formatProblem(warning))
  greet(app, loaded, output)
  await tellSetupLink(app, output)
  await signalled
  const stopped = app.stop()
  watcher.close()
  await stopped
  return 0
}

/** What a running server cannot take over is said, not ignored. */
function tellAddressChange(before: Config, after: Config, logger: Logger): void {
  const same = before.server.host === after.server.host && before.server.port === after.server.port
  if (!same) logger.warn('server.host and server.port take effect at the next start')
  if (!Bun.deepEquals(before.storage, after.storage)) {
    logger.warn('storage.url takes effect at the next start')
  }
}

function createServeLogger(
  level: () => 'debug' | 'info' | 'warn' | 'error',
  format: 'auto' | 'json' | 'pretty',
  output: Output,
): Logger {
  return createLogger({
    level,
    format: format === 'auto' ? (isErrorTerminal() ? 'pretty' : 'json') : format,
    nowMs: () => Date.now(),
    write: (line) => output.error(line),
  })
}

/** What a person sees first: where it listens, where to click, what it found, how to make a key, and one request that works as pasted. */
function greet(app: App, loaded: LoadedConfig, output: Output): void {
  const { url } = app.server
  const usable = [...app.snapshot().allProviders.values()].filter(isUsable)
  const bold = (text: string) => (output.color ? `\u001b[1m${text}\u001b[0m` : text)
  output.out(
    [
      `${bold('Weir')} listens on ${bold(url)}`,
      `  open        ${bold(`${uiBase(url, loaded.config)}/ui`)} in a browser`,
      `  providers   ${usable.map(named).join(', ')}`,
      `  data        ${loaded.config.dataFolder}`,
      `  config      ${loaded.config.file ?? 'none (environment and defaults)'}`,
      `  make a key  weir keys create NAME`,
      '',
      'Try it:',
      `  curl ${url}/v1/chat/completions -H 'content-type: application/json' \\`,
      `    -d '{"model":"mock/echo","messages":[{"role":"user","content":"Hello"}]}'`,
      '',
      '',
    ].join('\n'),
  )
  const before = new Set(usable.map(providerUid))
  void app.localServersAsked.then(() => {
    for (const provider of app.snapshot().allProviders.values()) {
      if (!before.has(providerUid(provider)) && isUsable(provider)) {
        output.out(`  found       ${named(provider)} at ${new URL(provider.baseUrl).host}\n`)
      }
    }
  })
}

/** Where a browser reaches it: every address is none that one could go to. */
function uiBase(url: string, { server }: Config): string {
  const { publicUrl } = server
  if (publicUrl !== undefined) return publicUrl.replace(/\/+$/, '')
  return url.replace(/^http:\/\/(?:0\.0\.0\.0|\[::\])/, 'http://localhost')
}

/** The only way to the first administrator's password: there is none by default. */
async function tellSetupLink(app: App, output: Output): Promise<void> {
  const link = await app.setupLink()
  if (link === undefined) return
  output.out(
    `There is no administrator yet. Open this link within an hour to set one up; it works once:\n  ${link}\n\n`,
  )
}

function named(provider: Provider): string {
  return provider.id === provider.type ? provider.id : `${provider.id} (${provider.type})`
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
function untilSignal(logger: Logger): Promise<void> {
  return new Promise((resolve) => {
    let asked = false
    const stop = (signal: string) => {
      if (asked) process.exit(130)
      asked = true
      logger.info('stopping', { signal })
      resolve()
    }
    process.on('SIGINT', () => stop('SIGINT'))
    process.on('SIGTERM', () => stop('SIGTERM'))
  })
}
