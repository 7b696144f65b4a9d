// The shape of a provider's network settings as they are stored: everything but the proxy, whose URL may carry a password
// and is therefore sealed in a column of its own. Shared by both schemas; it must never gain a member that holds a secret.

import type { NetworkSettings } from '../core/catalog.ts'

export type StoredNetwork = Omit<NetworkSettings, 'proxy'>
