// Signs of prompt injection: phrases in several languages, forged roles, orders to a model. Each is a bounded pattern over folded text with
// the weight that it has alone. Data; how weights add up is `checks/injection.ts`'s.

import { normalise } from './normalise.ts'

export interface Sign {
  /** Stands in verdicts. */
  readonly category: string
  readonly weight: number
  /** Over folded text: lower case, one blank for any white space, look-alikes as Latin letters. */
  readonly pattern: RegExp
}

/** Letters of a pattern as they are in folded text, so that Cyrillic ones meet what became of them there. */
function folded(source: string): RegExp {
  return new RegExp(/^[\x20-\x7e]*$/.test(source) ? source : normalise(source, true).text)
}

function signs(category: string, weight: number, ...sources: readonly string[]): Sign[] {
  return sources.map((source) => ({ category, weight, pattern: folded(source) }))
}

const BEFORE =
  '(?:previous|prior|above|earlier|preceding|foregoing|original|initial|existing|former)'
const ORDERS =
  '(?:instructions?|prompts?|rules?|directions?|directives?|guidelines?|commands?|orders?|constraints?|restrictions?|programming)'

/** What overrides what was said before. */
const OVERRIDE = [
  ...signs(
    'override',
    0.35,
    `\\b(?:ignore|disregard|forget)\\b (?:all |any |everything in )?(?:of )?(?:the |your |my |this )?${BEFORE} (?:messages?|context|conversation|training|text|content)\\b`,
  ),
  ...signs(
    'override',
    0.6,
    `\\b(?:ignore|disregard|forget|neglect|bypass|discard|abandon)\\b.{0,30}\\b${BEFORE}\\b.{0,30}\\b${ORDERS}\\b`,
    `\\b(?:ignore|disregard|forget|bypass|discard)\\b (?:about )?(?:all |any |every )?(?:of )?(?:your|the|these|those|its|everything|all|any)\\b.{0,20}\\b(?:instructions?|rules?|guidelines?|programming|training|restrictions?)\\b`,
    `\\b(?:ignore|disregard|forget)\\b (?:everything|all|anything)(?: that)?(?: was| is| has been| you were| i)?.{0,20}\\b(?:above|before|said|told|earlier|previously)\\b`,
    `\\bdo not (?:follow|obey|listen to)\\b.{0,30}\\b(?:${BEFORE}|your|system)\\b.{0,30}\\b${ORDERS}\\b`,
    `\\b(?:override|overrule|overwrite|supersede)s?\\b.{0,30}\\b(?:system|safety|${BEFORE}|your)\\b.{0,20}\\b(?:${ORDERS}|settings?|protocols?|filters?)\\b`,
    `\\b${BEFORE} ${ORDERS} (?:are|is|were|have been) (?:now )?(?:void|null|cancel\\w*|obsolete|revoked|no longer)\\b`,
    'ignor(?:iere?|ieren sie) .{0,30}(?:bisherig|vorherig|vorig|obig|alle|deine|ihre)\\w* .{0,30}(?:anweisung|instruktion|regel|vorgabe|befehl|prompt)',
    'vergiss .{0,30}(?:bisherig|vorherig|vorig|obig|alle|deine)\\w* .{0,30}(?:anweisung|instruktion|regel|vorgabe|befehl)',
    'ignore[rz]? .{0,30}(?:instructions?|consignes?|regles?|directives?) (?:ci-dessus|precedentes?|anterieures?|initiales?)',
    'oublie[rz]? .{0,30}(?:instructions?|consignes?|regles?|directives?)',
    '(?:ignora|ignore|olvida|olvide|descarta) .{0,30}(?:instrucciones|reglas|ordenes|indicaciones)',
    '(?:ignora|dimentica|ignorate) .{0,30}(?:istruzioni|regole|direttive|indicazioni)',
    '(?:ignore|esqueca|desconsidere) .{0,30}(?:instrucoes|regras|ordens|orientacoes)',
    'negeer .{0,30}(?:instructies|regels|opdrachten|aanwijzingen)',
    '(?:zignoruj|ignoruj|zapomnij) .{0,30}(?:instrukcj|polecen|zasad|regul)',
    '(?:игнорируй|проигнорируй|забудь|игнорировать)(?:те)? .{0,30}(?:инструкци|указани|правил|команд)',
    '(?:忽略|无视|無視|忘记|忘記|不要理会).{0,12}(?:指令|指示|提示|规则|規則|说明|命令)',
    '(?:以前|上記|これまで|前).{0,8}(?:指示|命令|ルール|プロンプト).{0,6}(?:無視|忘れ)',
    '(?:이전|위의|모든).{0,10}(?:지시|명령|규칙|프롬프트).{0,6}(?:무시|잊어)',
  ),
]

/** What gives the model another character. */
const ROLE = [
  ...signs(
    'role_override',
    0.5,
    '\\byou are (?:now|no longer|henceforth)\\b.{0,40}\\b(?:dan|unrestricted|unfiltered|uncensored|jailbroken|free from|evil|amoral|developer mode|bound|limited|chatgpt|claude|an? ai (?:assistant|language)|without)\\b',
    '\\bdo anything now\\b|\\bstay in character as dan\\b|\\bdan mode\\b',
    '\\b(?:developer|debug|god|admin|root|sudo|jailbreak|unrestricted|maintenance) mode (?:is )?(?:now )?(?:enabled|activated|on|engaged|unlocked)\\b',
    '\\b(?:enable|activate|enter|switch to|unlock) (?:developer|god|jailbreak|dan|unrestricted|admin|sudo) mode\\b',
    '\\b(?:act|behave|respond|answer|pretend|roleplay|role-play|simulate)\\b.{0,40}\\b(?:as if you (?:have|had) no|without any|with no|free of|unbound by|not bound by)\\b.{0,20}\\b(?:restrictions?|rules?|filters?|limits?|limitations?|guidelines?|morals?|ethic\\w*|censorship)\\b',
    '\\b(?:act|pretend|roleplay|role-play) (?:as|to be|you are)\\b.{0,30}\\b(?:unrestricted|unfiltered|uncensored|jailbroken|evil|amoral|malicious)\\b',
    '\\byou (?:have|are) (?:been )?(?:freed|liberated|released)\\b.{0,40}\\b(?:restrictions?|constraints?|rules?|limits?|guidelines?|ai)\\b',
    '\\b(?:your|the|new) (?:true|real|actual) (?:purpose|instructions?|task|goal|self) (?:is|are)\\b',
    '\\bdu bist (?:jetzt|nun|ab sofort)\\b.{0,40}\\b(?:uneingeschrankt|ohne (?:regeln|einschrankungen|filter)|dan)\\b',
    '\\btu es (?:maintenant|desormais)\\b.{0,40}\\bsans (?:restrictions?|regles?|filtres?|limites?)\\b',
    '\\bahora eres\\b.{0,40}\\bsin (?:restricciones|reglas|filtros|limites)\\b',
    '\\b(?:now|instead),? (?:you )?(?:must|will|should) (?:follow|obey) (?:only )?(?:my|these|the following)\\b',
  ),
  ...signs('role_override', 0.3, '\\bfrom now on,? you (?:are|will|must|should|act|answer)\\b'),
]

/** What asks for what the model was told in confidence. */
const LEAK = signs(
  'prompt_leak',
  0.5,
  `\\b(?:reveal|show|print|output|repeat|display|disclose|leak|dump|recite|write out|tell me|give me|return|summari[sz]e|translate)\\b.{0,40}\\b(?:system (?:prompt|message|instructions?)|(?:hidden|secret|initial|original|internal|confidential|developer) (?:prompt|instructions?|message|rules)|your (?:exact |full |complete |entire )?(?:prompt|instructions|system|guidelines|rules verbatim))\\b`,
  '\\b(?:repeat|print|output|copy|echo) (?:everything|all|the (?:words|text|content|message|lines?)|verbatim).{0,20}\\b(?:above|before this|preceding|up to here)\\b',
  '\\bwhat (?:is|are|was|were) (?:your|the) (?:exact |full |original |initial )?(?:system prompt|initial (?:prompt|instructions)|hidden (?:prompt|instructions))\\b',
  '(?:zeig|verrate|nenne|gib|wiederhol)\\w* .{0,30}(?:system-?prompt|systemnachricht|systemanweisung)',
  '(?:muestra|revela|repite|affiche|montre|revele|mostra|rivela) .{0,30}(?:prompt (?:del|de|du) (?:sistema|systeme)|system prompt|invite systeme|instructions? systeme|instrucciones del sistema)',
  '(?:显示|输出|告诉我|重复|打印).{0,10}(?:系统提示|系統提示|初始指令|系统指令)',
)

/** What takes something out, or keeps people from knowing. */
const COVERT = [
  ...signs(
    'covert',
    0.4,
    "\\b(?:do not|don't|never|without) (?:tell|telling|inform|informing|mention|mentioning|reveal|alert|alerting|notify|notifying|show)\\b.{0,30}\\b(?:the )?(?:user|human|operator|anyone|customer)\\b",
    '\\b(?:send|post|upload|forward|exfiltrate|transmit|leak|email)\\b.{0,60}\\b(?:conversation|chat history|credentials?|passwords?|api keys?|secrets?|tokens?|system prompt|environment variables|user data|private)\\b.{0,60}(?:https?://|@|\\bto (?:me|this|the following))',
    '!\\[[^\\]]{0,40}\\]\\(https?://[^)]{0,200}[?&][^)=]{1,30}=(?:\\{|\\[|<|\\$|%7b)',
  ),
]

/** What gives orders to a model, where nobody should: in results of tools, in documents. */
export const TOOL_SIGNS: readonly Sign[] = [
  ...signs(
    'tool_orders',
    0.5,
    '\\b(?:attention|note|message|instructions?|important|notice)\\b.{0,20}\\b(?:to|for)\\b (?:the |any |all )?(?:ai|llm|language model|assistant|agent|chatbot|model|chatgpt|claude|gemini|copilot)s?\\b',
    '\\b(?:if you are|as) an? (?:ai|llm|language model|assistant|automated agent|ai agent)\\b.{0,60}\\b(?:must|should|please|need to|have to|you will|required)\\b',
    '\\bwhen (?:you |the (?:ai|assistant|model|agent) )?(?:reads?|sees?|process(?:es)?|summari[sz]es?|analy[sz]es?|parses?)\\b.{0,40}\\b(?:this|the following)\\b.{0,60}\\b(?:must|instead|also|first|immediately|send|call|run|execute|reply|respond)\\b',
    '\\bnew (?:instructions?|task|directive|objective|system prompt) ?(?:for you|follows?)? ?:',
  ),
  // Documents about assistants say that too.
  ...signs(
    'tool_orders',
    0.3,
    '\\b(?:you|the (?:ai|assistant|agent|model)) (?:must|should|need to|have to) (?:now |immediately |first |instead |also )?(?:call|invoke|use|run|execute|send|delete|transfer|open|forward|visit|fetch|reply|respond|output)\\b',
  ),
]

/** Signs in folded text. */
export const SIGNS: readonly Sign[] = [...OVERRIDE, ...ROLE, ...LEAK, ...COVERT]

/** Forged delimiters and roles, over the normal form in lower case with its line ends. */
export const SPOOFS: readonly Sign[] = [
  {
    category: 'delimiter',
    weight: 0.5,
    pattern:
      /<\|(?:im_start|im_end|system|user|assistant|endoftext|start_header_id|eot_id|begin_of_text|channel|message|tool_call)\|>|<<\/?sys>>|\[\/?inst\]|<start_of_turn>|<\/?(?:system_prompt|system_instructions?)>/,
  },
  {
    category: 'delimiter',
    weight: 0.4,
    pattern:
      /(?:^|\n)[ \t]{0,4}(?:#{1,4} ?|\*{1,2}|\[|-{3,} ?|={3,} ?|<)(?:(?:begin|end|new|start of|end of) )?(?:system|developer|admin)(?: (?:prompt|message|instructions?|override|note|update))? ?(?:\*{1,2}|\]|>|:|-{3,}|={3,})/,
  },
  {
    category: 'delimiter',
    weight: 0.3,
    pattern: /\n\n(?:human|assistant|system|developer): ?\S|(?:^|\n)"?role"? ?: ?"system"/,
  },
]
