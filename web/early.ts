// Runs before the first thing is drawn: puts the chosen theme on the page, so that nobody who chose the dark one sees the light one flash.
// It is no module and shares nothing with the rest.

import { kept } from './kept.ts'

const chosen = kept('localStorage', 'weir-theme')
if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset['theme'] = chosen
