import Base
import Foundation
import Operations
import Testing

/// Every code of an error is in the catalogue.
@Suite struct ErrorCatalogueTests {
  @Test("codes differ, and have a meaning and a remedy in whole sentences")
  func entries() {
    let names = ErrorCatalogue.all.map(\.description)
    #expect(Set(names).count == names.count)
    for code in ErrorCatalogue.all {
      #expect(code.meaning.hasSuffix(".") && code.remedy.hasSuffix("."), "\(code)")
    }
  }

  @Test(
    "a code is found in brackets and capitals, and a misspelled one is suggested",
    arguments: ["sumac.chunk-checksum", "[sumac.chunk-checksum]", "SUMAC.chunk-checksum"])
  func lookup(name: String) {
    #expect(ErrorCatalogue[name]?.description == "sumac.chunk-checksum")
    #expect(
      ErrorCatalogue.nearest(to: "sumac.chunk-checksm")?.description == "sumac.chunk-checksum")
    #expect(ErrorCatalogue.nearest(to: "model.sumac") == nil)
    #expect(ErrorCatalogue.nearest(to: "sumac.zzzzzzzz") == nil)
  }

  @Test("the catalogue has every code that a source file declares")
  func complete() throws {
    let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Sources")
    let files = try #require(
      FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
    var found: Set<String> = []
    for case let file as URL in files where file.pathExtension == "swift" {
      let text = try String(contentsOf: file, encoding: .utf8)
      for match in text.matches(of: /FormatError\.Code\(\s*"([a-z.-]+)"/) {
        found.insert(String(match.1))
      }
    }
    #expect(found.count >= 15)
    #expect(found.subtracting(ErrorCatalogue.all.map(\.description)).isEmpty)
  }
}
