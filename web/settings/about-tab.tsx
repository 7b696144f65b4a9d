// What runs here, and what is wrong with it now.

import { Status } from '../components/badge.tsx'
import { Notice } from '../components/notice.tsx'
import { Facts, Panel } from '../components/page.tsx'
import { Loaded } from '../components/states.tsx'
import { RelativeTime } from '../components/values.tsx'
import { useQuery } from '../query.ts'
import { aboutOf } from './settings-api.ts'

const COUNTED: Readonly<Record<string, string>> = {
  process: 'in each process by itself',
  postgres: 'in Postgres, for all replicas',
  redis: 'in Redis, for all replicas',
}

export function AboutTab() {
  const query = useQuery('about', aboutOf, { pollMs: 10_000 })
  return (
    <Loaded query={query}>
      {({ config_file: hasFile, engine, limits, problems, redis, started, version }) => (
        <div class="stack">
          {problems.length > 0 && (
            <Notice tone="bad" title="Something is wrong with the store">
              <ul>
                {problems.map((problem) => (
                  <li key={problem}>{problem}</li>
                ))}
              </ul>
            </Notice>
          )}
          <Panel title="Weir">
            <Facts
              items={[
                ['Version', version],
                ['Running', <RelativeTime key="s" at={started} />],
                ['Store', engine === 'postgres' ? 'Postgres' : 'SQLite, in the data folder'],
                ['Configuration file', hasFile ? 'yes' : 'none: environment and defaults'],
                [
                  'Redis',
                  <Status
                    key="r"
                    state={redis.configured ? (redis.connected ? 'ok' : 'down') : 'off'}
                  >
                    {redis.configured ? (redis.connected ? 'Connected' : 'Away') : 'Not used'}
                  </Status>,
                ],
                ['Limits are counted', COUNTED[limits.counted] ?? limits.counted],
                [
                  'API',
                  <a key="a" href="/docs">
                    Documentation to try out
                  </a>,
                ],
              ]}
            />
          </Panel>
        </div>
      )}
    </Loaded>
  )
}
