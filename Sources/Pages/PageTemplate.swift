import Base
import Charts
import Crypto
import FoundationEssentials

/// The frame of a page around the data of its table. All values are escaped.
enum PageTemplate {
  /// Returns the page up to the data of its table.
  static func head(_ page: Page) -> String {
    let digest = SHA256.hash(data: Data(PageScript.text.utf8))
    let hash = "sha256-" + Data(digest).base64EncodedString()
    let title = page.title.escapedForMarkup
    let tableTitle = page.tableTitle.escapedForMarkup
    let links = page.parts.map { part in
      "<li><a href=\"#\(part.id)\">\(part.title.escapedForMarkup)</a></li>\n"
    }
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
      script-src '\(hash)'; base-uri 'none'; form-action 'none'">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(title)</title>
      <style>
      \(ChartStyle.css)
      \(PageStyle.css)
      </style>
      </head>
      <body>
      <a class="skip" href="#table">Skip to the table</a>
      <header>
      <h1>\(title)</h1>
      <p class="subtitle">\(page.subtitle.escapedForMarkup)</p>
      <nav aria-label="Parts of the report"><ul>
      \(links.joined())<li><a href="#table">\(tableTitle)</a></li>
      </ul></nav>
      </header>
      <main>
      \(page.parts.map(section).joined())\(table(title: tableTitle))
      """
  }

  /// Returns the page after the data of its table.
  static func tail() -> String {
    "\n</script>\n<script>\(PageScript.text)</script>\n</body>\n</html>\n"
  }

  private static func section(_ part: Page.Part) -> String {
    let note = part.note.map { "<p class=\"note\">\($0.escapedForMarkup)</p>\n" } ?? ""
    let facts = part.facts.map { fact in
      "<div><dt>\(fact.label.escapedForMarkup)</dt><dd>\(fact.value.escapedForMarkup)</dd></div>\n"
    }
    let list = facts.isEmpty ? "" : "<dl>\n\(facts.joined())</dl>\n"
    return """
      <section id="\(part.id)" aria-labelledby="\(part.id)-title">
      <h2 id="\(part.id)-title">\(part.title.escapedForMarkup)</h2>
      \(note)\(list)<div class="figures">
      \(part.charts.map(figure).joined())</div>
      </section>

      """
  }

  private static func figure(_ chart: any Chart) -> String {
    let title = chart.title.escapedForMarkup
    return """
      <figure\(chart.size.width > 740 ? " class=\"wide\"" : "")>
      <figcaption>\(title)</figcaption>
      <div class="scroll" tabindex="0" role="region" aria-label="\(title)">
      \(chart.element)
      </div>
      </figure>

      """
  }

  private static func table(title: String) -> String {
    """
    <section id="table" aria-labelledby="table-title">
    <h2 id="table-title">\(title)</h2>
    <noscript><p class="note">The table needs scripts. The figures above do not.</p></noscript>
    <div class="tools">
    <label for="search">Search for words, such as mlp bf16</label>
    <input id="search" type="search" autocomplete="off" spellcheck="false">
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
  }
}
