// A file that is ours alone, such as one that holds a key: its one value is all of its text.

import type { JsonValue } from '../../core/json.ts'
import { CannotEdit, type FileFormat, type Segment } from './change.ts'

export const WHOLE_FILE: FileFormat = {
  parse: (text) => (text === '' ? undefined : { text }),
  comments: () => [],
  set(_text: string, path: readonly Segment[], value: JsonValue) {
    if (path.length !== 1 || path[0] !== 'text' || typeof value !== 'string') {
      throw new CannotEdit('it holds one text alone')
    }
    return value
  },
  remove: () => '',
}
