import Base
import Checkpoints
import Operations
import Reporting
import TestSupport
import Testing

/// The page that a batch writes about its results.
@Suite struct BatchPageTests {
  private let workspace: BatchWorkspace

  init() throws { workspace = try BatchWorkspace(models: 2) }

  private func batch(page: String) -> BatchOperation {
    var batch = workspace.converting()
    batch.page = workspace.folder[page]
    return batch
  }

  private func page(_ name: String) throws -> String {
    String(decoding: try workspace.folder.bytes(name), as: UTF8.self)
  }

  @Test("the page shows all models, failed ones too, and is replaced by the next run")
  func replaced() throws {
    try workspace.folder.write([1, 2, 3], to: "models/m02/model.safetensors")
    var batch = batch(page: "out/summary.html")
    #expect(try workspace.run(batch).states == [.done, .failed])
    let first = try page("out/summary.html")
    #expect(first.contains("Size against time") && first.contains("m01.sumac"))
    #expect(first.contains("\"failed\""))
    try workspace.writeModel(2)
    #expect(try workspace.run(batch).states == [.skipped, .done])
    #expect(try !page("out/summary.html").contains("\"failed\""))
    // The models are done, and a page in another place can still be made.
    batch.page = workspace.folder["other.html"]
    #expect(try workspace.run(batch).states == [.skipped, .skipped])
    #expect(workspace.folder.exists("other.html"))
  }

  @Test("a file that is not the page of a batch stays, unless outputs are replaced")
  func kept() throws {
    try workspace.folder.write(Array("<title>mine</title>".utf8), to: "x.html")
    var batch = batch(page: "x.html")
    #expect { try workspace.run(batch) } throws: { ($0 as? any UserError)?.status == .outputExists }
    #expect(try page("x.html") == "<title>mine</title>")
    #expect(!workspace.folder.exists("out"))
    batch.replacesExisting = true
    try workspace.run(batch)
    #expect(try page("x.html").contains("<title>Batch: convert"))
  }

  @Test(
    "a page that is no page, that cannot be created, or that has the name of an output is refused before the work",
    arguments: ["x.svg", "nowhere/x.html", "out/m01.html"])
  func refused(name: String) throws {
    var batch = batch(page: name)
    if name == "out/m01.html" {
      let verify = VerifyOperation(inputs: ["input"])
      batch.steps = [BatchStep(verify)]
      batch.name = "{stem}.html"
    }
    #expect { try workspace.run(batch) } throws: { $0 is any UserError }
    #expect { try batch.plan(workspace.context()) } throws: { $0 is any UserError }
    #expect(!workspace.folder.exists("out"))
  }
}
