// Content blocks from the IR to the wire of a request. Thinking goes back only under a seal that Anthropic itself gave;
// media that cannot be sent is an error, because an answer without it would be wrong. Answers are encoded elsewhere.

import { GatewayError } from '../../core/error.ts'
import type { LossList } from '../../core/ir/loss.ts'
import type {
  Block,
  FileBlock,
  ImageBlock,
  MediaSource,
  TextBlock,
  ThinkingBlock,
  ToolResultBlock,
  ToolUseBlock,
} from '../../core/ir/request.ts'
import { compact } from '../../core/json.ts'
import type { JsonObject } from '../../core/json.ts'
import { ownSignature, redactedData } from './seal.ts'
import { ToolIds } from './tool-ids.ts'
import { CacheHints, DIALECT, at, inputObject, ownExtras } from './wire.ts'

/** Writes the blocks of one request; holds what spans them all: tool ids, cache breakpoints and losses. */
export class BlockWriter {
  readonly hints: CacheHints
  readonly losses: LossList
  private readonly toolIds: ToolIds

  constructor(losses: LossList) {
    this.losses = losses
    this.hints = new CacheHints(losses)
    this.toolIds = new ToolIds(losses)
  }

  /** Throws GatewayError `unsupported` for audio and for files that Anthropic cannot read. */
  blocks(blocks: readonly Block[], path: string): JsonObject[] {
    const wire: JsonObject[] = []
    blocks.forEach((block, index) => {
      const written = this.block(block, `${path}[${index}]`)
      if (written !== undefined) wire.push(written)
    })
    return wire
  }

  private block(block: Block, path: string): JsonObject | undefined {
    switch (block.type) {
      case 'text':
        // Anthropic refuses empty text, and there is nothing in it to lose.
        return block.text === '' ? undefined : this.text(block, path)
      case 'refusal':
        this.losses.adapted('refusal', path, 'said as text')
        return block.text === ''
          ? undefined
          : this.with(block, path, { type: 'text', text: block.text })
      case 'image':
        return this.image(block, path)
      case 'audio':
        throw unsupported(path, 'audio')
      case 'file':
        return this.file(block, path)
      case 'thinking':
        return this.thinking(block, path)
      case 'tool-use':
        return this.toolUse(block, path)
      case 'tool-result':
        return this.toolResult(block, path)
      case 'opaque':
        if (block.dialect === DIALECT) return block.value
        this.losses.dropped('opaque', path, `a block of ${block.dialect}`)
        return undefined
    }
  }

  private with(block: Block, path: string, wire: JsonObject): JsonObject {
    return compact({
      ...wire,
      ...ownExtras(block.extras, path, this.losses),
      ...this.hints.write(block.cache, path),
    })
  }

  private text(block: TextBlock, path: string): JsonObject {
    const { citations } = block
    const own = citations?.dialect === DIALECT ? citations.value : undefined
    if (citations !== undefined && own === undefined) {
      this.losses.dropped('citations', at(path, 'citations'))
    }
    return this.with(block, path, { type: 'text', text: block.text, citations: own })
  }

  private image(block: ImageBlock, path: string): JsonObject {
    // `auto` is what Anthropic does anyway.
    if (block.detail !== undefined && block.detail !== 'auto') {
      this.losses.dropped('image-detail', at(path, 'detail'))
    }
    return this.with(block, path, { type: 'image', source: this.source(block.source, path) })
  }

  private source(source: MediaSource, path: string): JsonObject {
    if (source.kind === 'url') return { type: 'url', url: source.url }
    if (source.kind === 'file-id') return { type: 'file', file_id: source.fileId }
    let mediaType = source.mediaType
    if (mediaType === 'image/jpg') {
      mediaType = 'image/jpeg'
      this.losses.adapted('media-type', at(path, 'source'))
    }
    return { type: 'base64', media_type: mediaType, data: source.data }
  }

  private file(block: FileBlock, path: string): JsonObject {
    const title = block.title ?? block.filename
    if (block.filename !== undefined && block.title === undefined) {
      this.losses.adapted('filename', path, 'said as the title')
    } else if (block.filename !== undefined) {
      this.losses.dropped('filename', at(path, 'filename'))
    }
    const { source } = block
    if (source.kind === 'base64' && source.mediaType.startsWith('image/')) {
      this.losses.adapted('file', path, 'sent as an image')
      return this.with(block, path, { type: 'image', source: this.source(source, path) })
    }
    return this.with(block, path, {
      type: 'document',
      source: this.documentSource(source, path),
      title,
    })
  }

  private documentSource(source: FileBlock['source'], path: string): JsonObject {
    if (source.kind === 'text') return textSource(source.text)
    if (source.kind !== 'base64' || source.mediaType === 'application/pdf') {
      return this.source(source, path)
    }
    if (!isTextual(source.mediaType)) throw unsupported(path, `files of type ${source.mediaType}`)
    this.losses.adapted('file', path, 'sent as plain text')
    return textSource(Buffer.from(source.data, 'base64').toString('utf8'))
  }

  private thinking(block: ThinkingBlock, path: string): JsonObject | undefined {
    const data = redactedData(block.seal)
    if (data !== undefined) return this.with(block, path, { type: 'redacted_thinking', data })
    const signature = ownSignature(block.seal)
    if (signature !== undefined) {
      return this.with(block, path, { type: 'thinking', thinking: block.text, signature })
    }
    if (block.seal !== undefined) this.losses.dropped('seal', at(path, 'seal'))
    this.losses.dropped('thinking', path, 'not signed by Anthropic')
    return undefined
  }

  private toolUse(block: ToolUseBlock, path: string): JsonObject {
    if (block.seal !== undefined) this.losses.dropped('seal', at(path, 'seal'))
    return this.with(block, path, {
      type: 'tool_use',
      id: this.toolIds.call(block.id, path),
      name: block.name,
      input: inputObject(block.input, at(path, 'input'), this.losses),
    })
  }

  private toolResult(block: ToolResultBlock, path: string): JsonObject {
    const toolUseId = this.toolIds.result(block.toolUseId, path)
    const content = this.blocks(block.content, at(path, 'content'))
    return this.with(block, path, {
      type: 'tool_result',
      tool_use_id: toolUseId,
      content: content.length === 0 ? undefined : content,
      is_error: block.isError,
    })
  }
}

function textSource(text: string): JsonObject {
  return { type: 'text', media_type: 'text/plain', data: text }
}

function isTextual(mediaType: string): boolean {
  return (
    mediaType.startsWith('text/') ||
    /^application\/(?:[\w.-]+\+)?(?:json|xml|yaml|x-yaml|toml|javascript|x-ndjson)\b/.test(
      mediaType,
    )
  )
}

function unsupported(path: string, what: string): GatewayError {
  return new GatewayError('unsupported', {
    param: path,
    message: `The model behind this name cannot take ${what}.`,
  })
}
