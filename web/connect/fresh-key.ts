// A key that somebody has just made, for the lines to paste: in the memory of this page alone, gone when it is left or loaded anew.

import { signal } from '@preact/signals'

export const freshKey = signal<string | undefined>(undefined)
