import Base
import Charts
import Crypto
import FoundationEssentials
import Mustache

/// The frame of a page. All values are escaped before they reach the template, whose own escaping compares characters
/// and would pass a quote that a combining mark follows.
struct PageTemplate: Sendable {
  static let shared = PageTemplate()

  private let headTemplate: MustacheTemplate
  private let tailTemplate: MustacheTemplate

  private init() {
    do {
      headTemplate = try MustacheTemplate(string: Self.headText)
      tailTemplate = try MustacheTemplate(string: Self.tailText)
    } catch {
      preconditionFailure("the templates are constants that tests parse: \(error)")
    }
  }

  /// Returns the page up to the data of its table.
  func head(_ page: Page) -> String {
    let digest = SHA256.hash(data: Data(PageScript.text.utf8))
    let values: [String: Any] = [
      "title": page.title.escapedForMarkup, "subtitle": page.subtitle.escapedForMarkup,
      "hash": "sha256-" + Data(digest).base64EncodedString(),
      "css": ChartStyle.css + "\n" + PageStyle.css,
      "tableTitle": page.tableTitle.escapedForMarkup,
      "parts": page.parts.map(Self.values),
    ]
    return headTemplate.render(values)
  }

  /// Returns the page after the data of its table.
  func tail() -> String { tailTemplate.render(["script": PageScript.text] as [String: Any]) }

  private static func values(_ part: Page.Part) -> [String: Any] {
    var values: [String: Any] = [
      "id": part.id, "title": part.title.escapedForMarkup,
      "facts": part.facts.map {
        ["label": $0.label.escapedForMarkup, "value": $0.value.escapedForMarkup]
      } as [[String: Any]],
      "hasFacts": !part.facts.isEmpty,
      "charts": part.charts.map {
        ["title": $0.title.escapedForMarkup, "svg": $0.element, "wide": $0.size.width > 740]
      } as [[String: Any]],
    ]
    if let note = part.note { values["note"] = note.escapedForMarkup }
    return values
  }

  private static let headText = """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
    script-src '{{{hash}}}'; base-uri 'none'; form-action 'none'">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{{{title}}}</title>
    <style>
    {{{css}}}
    </style>
    </head>
    <body>
    <a class="skip" href="#table">Skip to the table</a>
    <header>
    <h1>{{{title}}}</h1>
    <p class="subtitle">{{{subtitle}}}</p>
    <nav aria-label="Parts of the report"><ul>
    {{#parts}}
    <li><a href="#{{{id}}}">{{{title}}}</a></li>
    {{/parts}}
    <li><a href="#table">{{{tableTitle}}}</a></li>
    </ul></nav>
    </header>
    <main>
    {{#parts}}
    <section id="{{{id}}}" aria-labelledby="{{{id}}}-title">
    <h2 id="{{{id}}}-title">{{{title}}}</h2>
    {{#note}}
    <p class="note">{{{.}}}</p>
    {{/note}}
    {{#hasFacts}}
    <dl>
    {{#facts}}
    <div><dt>{{{label}}}</dt><dd>{{{value}}}</dd></div>
    {{/facts}}
    </dl>
    {{/hasFacts}}
    <div class="figures">
    {{#charts}}
    <figure{{#wide}} class="wide"{{/wide}}>
    <figcaption>{{{title}}}</figcaption>
    <div class="scroll" tabindex="0" role="region" aria-label="{{{title}}}">
    {{{svg}}}
    </div>
    </figure>
    {{/charts}}
    </div>
    </section>
    {{/parts}}
    <section id="table" aria-labelledby="table-title">
    <h2 id="table-title">{{{tableTitle}}}</h2>
    <noscript><p class="note">The table needs scripts. The figures above do not.</p></noscript>
    <div class="tools">
    <label for="search">Search</label>
    <input id="search" type="search" autocomplete="off" spellcheck="false" placeholder="words, such as mlp bf16">
    <p id="status" role="status" aria-live="polite"></p>
    </div>
    <div class="scroll rows" tabindex="0" role="region" aria-labelledby="table-title">
    <table id="rows"><thead></thead><tbody></tbody></table>
    <button id="more" type="button" hidden>Show more rows</button>
    </div>
    </section>
    </main>
    <script type="application/json" id="data">
    """

  private static let tailText = """
    </script>
    <script>{{{script}}}</script>
    </body>
    </html>

    """
}
