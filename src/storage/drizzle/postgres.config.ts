// Where `bun run db:generate` reads the control tables for Postgres and writes their migrations. Used in development
// only: the executable carries the generated files, never this one.

import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'postgresql',
  schema: './src/storage/schema.postgres.ts',
  out: './migrations/postgres',
})
