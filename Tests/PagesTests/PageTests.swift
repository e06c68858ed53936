import Base
import Charts
import Pages
import Testing

struct PageTests {
  private static func page(name: String) -> Page {
    var part = Page.Part("summary", name, note: name)
    part.facts = [(name, name)]
    return Page(
      title: name, subtitle: name, parts: [part], tableTitle: name,
      columns: [Page.Column("name", .name)], rowCount: 2, row: { _ in [.string(name)] })
  }

  private static func text(_ page: Page) throws -> String {
    var text = ""
    try page.write { text += $0 }
    return text
  }

  @Test(
    "a hostile name neither ends the data nor makes an element",
    arguments: ["</script><script>x()</script>", "<img src=x>", "<!--", "\"\u{301}><b>"])
  func hostileNames(name: String) throws {
    let text = try Self.text(Self.page(name: name))
    #expect(text.components(of: "<script") == 2)
    #expect(text.components(of: "</script>") == 2)
    #expect(!text.contains("<img") && !text.contains("<!--") && !text.contains("<b>"))
  }

  @Test("a page refers to nothing outside of it and has a policy for its script")
  func policy() throws {
    let text = try Self.text(Self.page(name: "a"))
    #expect(text.contains("default-src 'none'"))
    #expect(text.contains("script-src 'sha256-"))
    #expect(!text.contains("src=\"") && !text.contains("url("))
  }

  @Test("a batch has a point for each model with both figures, and a row for every model")
  func batch() throws {
    let document = try JSONValue.parse(
      Array(
        """
        {"schema": "sumac.batch/1", "command": "convert", "folder": "out", "done": 1, "failed": 1,
         "input_bytes": 10, "output_bytes": 5, "seconds": 2.0, "models": [
          {"model": "a", "output": "a.sumac", "result": "done", "input_bytes": 10, "output_bytes": 5,
           "relative_error": 0.01, "seconds": 1.0, "error": null},
          {"model": "b", "output": "b.sumac", "result": "failed", "input_bytes": null, "output_bytes": null,
           "relative_error": null, "seconds": null, "error": {"message": "b: is damaged"}}]}
        """.utf8
      ).span)
    let page = BatchPage(document).page
    #expect(page.rowCount == 2)
    #expect(page.row(1).last == .string("b: is damaged"))
    let plots = page.parts.flatMap(\.charts).map(\.summary)
    #expect(plots.allSatisfy { $0.hasPrefix("1 points") } && plots.count == 3)
  }
}

extension String {
  fileprivate func components(of text: String) -> Int {
    var count = 0
    var rest = self[...]
    while let range = rest.firstRange(of: text) {
      count += 1
      rest = rest[range.upperBound...]
    }
    return count
  }
}
