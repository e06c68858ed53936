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

  @Test("a page on types has the choice for each size, and a page on shares a row for each")
  func sweeps() throws {
    let types = try JSONValue.parse(
      Array(
        """
        {"schema": "sumac.convert-sweep/1", "model": "m/<b>", "input_bytes": 100, "values": 10, "skipped": [],
         "data": ["t"], "tokens": 5, "base_perplexity": {"value": 2.0, "error": 0.1}, "points": [
          {"type": "int4", "bytes": 20, "bits_per_value": 16.0, "relative_error": 0.1, "tensors_kept": 1,
           "perplexity": {"value": 3.0, "error": 0.1}, "divergence": {"value": 0.5, "error": 0.1},
           "same_top": {"value": 0.9, "error": 0.1}, "front": true},
          {"type": "lossless", "bytes": 80, "bits_per_value": 64.0, "relative_error": 0, "tensors_kept": 1,
           "perplexity": {"value": 2.0, "error": 0.1}, "divergence": {"value": 0.0, "error": 0.0},
           "same_top": {"value": 1.0, "error": 0.0}, "front": false}]}
        """.utf8
      ).span)
    let page = SweepPage(types).page
    #expect(page.rowCount == 2 && page.row(0).count == page.columns.count)
    #expect(page.row(0).contains(.string("yes")) && !page.row(1).contains(.string("yes")))
    #expect(page.row(0).contains { $0.asDouble == 0.5 })
    #expect(page.parts[0].facts.contains { $0.label == "from 20 B" && $0.value.hasPrefix("int4") })
    #expect(page.parts[1].charts.count == 3)
    #expect(try !Self.text(page).contains("<b>"))
    let shares = try JSONValue.parse(
      Array(
        """
        {"schema": "sumac.prune-sweep/1", "model": "m", "options": [{"name": "by", "value": "random"}],
         "weights": 4, "pqi_before": 0.1, "out_of_scope": {}, "points": [
          {"amount": 0.5, "pruned": 0.5, "kept": 2, "pqi": 0.1, "energy_lost": 0.04, "relative_error": 0.2}]}
        """.utf8
      ).span)
    let other = SweepPage(shares).page
    #expect(other.row(0).count == other.columns.count && other.parts[1].charts.count == 1)
    #expect(other.parts[1].charts[0].summary.hasPrefix("1 points"))
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
