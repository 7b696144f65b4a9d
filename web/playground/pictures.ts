// Pictures to be sent with what is said: chosen, dropped or pasted, as `data:` URLs within bounds. They go to the model that is asked and nowhere
// else.

import { formatBytes } from '../format.ts'
import type { Picture } from './types.ts'

const BYTES_MAX = 5 * 1024 * 1024
export const PICTURES_MAX = 8
export const PICTURE_TYPES = ['image/png', 'image/jpeg', 'image/webp', 'image/gif']

export interface Taken {
  readonly pictures: readonly Picture[]
  /** Why some were left out, in words. */
  readonly refused: readonly string[]
}

/** @param room how many more fit */
export async function picturesFrom(files: Iterable<File>, room: number): Promise<Taken> {
  const pictures: Picture[] = []
  const refused: string[] = []
  for (const file of files) {
    const name = file.name === '' ? 'picture' : file.name
    if (!PICTURE_TYPES.includes(file.type)) refused.push(`${name} is no PNG, JPEG, WebP or GIF.`)
    else if (file.size > BYTES_MAX)
      refused.push(`${name} is larger than ${formatBytes(BYTES_MAX)}.`)
    else if (pictures.length >= room) refused.push(`${name}: ${PICTURES_MAX} pictures at most.`)
    else pictures.push({ name, url: await dataUrl(file) })
  }
  return { pictures, refused }
}

function dataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.addEventListener('load', () => resolve(String(reader.result)))
    reader.addEventListener('error', () => reject(reader.error ?? new Error('unreadable')))
    reader.readAsDataURL(file)
  })
}
