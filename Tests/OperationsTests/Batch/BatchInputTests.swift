import Base
import Checkpoints
import Operations
import TestSupport
import Testing

/// The inputs of batches and the names of their outputs.
@Suite struct BatchInputTests {
  private let workspace: BatchWorkspace

  init() throws { workspace = try BatchWorkspace(models: 3) }

  private func names(_ paths: [String], list: String? = nil, name: String? = nil) throws -> [String]
  {
    var batch = workspace.converting()
    batch.models = paths.map { BatchModel(path: workspace.folder[$0]) }
    batch.list = list
    batch.name = name
    return try batch.jobs(workspace.context()).jobs.map(\.name)
  }

  @Test("a folder of models, a pattern and single paths stand for the same models")
  func forms() throws {
    let expected = ["m01.sumac", "m02.sumac", "m03.sumac"]
    #expect(try names(["models"]) == expected)
    #expect(try names(["models/"]) == expected)
    #expect(try names(["models/m0[1-3]"]) == expected)
    #expect(try names(["mod*/m0?"]) == expected)
    #expect(try names(["models/m01", "models/m02/", "models/m03"]) == expected)
  }

  @Test("a folder of models is reported, and a model that is named twice is used once")
  func notes() throws {
    let recorder = BatchRecorder()
    var batch = workspace.converting()
    batch.models = ["models", "models/m02"].map { BatchModel(path: workspace.folder[$0]) }
    let (jobs, notes) = try batch.jobs(workspace.context(recorder))
    #expect(jobs.count == 3 && notes.count == 2)
    #expect(notes[0].contains("3 models in the folder") && notes[1].contains("used once"))
  }

  @Test("a list has one path on each line, and comments")
  func list() throws {
    let text = "# models\n\(workspace.model(3))\r\n\n  \(workspace.model(1)) \n"
    try workspace.folder.write(Array(text.utf8), to: "list.txt")
    #expect(
      try names(["models/m02"], list: workspace.folder["list.txt"])
        == ["m02.sumac", "m03.sumac", "m01.sumac"])
  }

  @Test(
    "a list that names nothing, or is no text, is an error",
    arguments: ["", "# only\n\n", "a\0b\n"])
  func badList(text: String) throws {
    try workspace.folder.write(Array(text.utf8), to: "list.txt")
    #expect(throws: UsageError.self) { try names([], list: workspace.folder["list.txt"]) }
  }

  @Test(
    "a template fills in parts of the path",
    arguments: [
      ("{stem}.sumac", "m02.sumac"), ("{parent}-{stem}.sumac", "models-m02.sumac"),
      ("{index}.safetensors", "2.safetensors"), ("a{name}b.sumac", "am02b.sumac"),
    ])
  func template(name: String, expected: String) throws {
    #expect(try names(["models/*"], name: name)[1] == expected)
  }

  @Test(
    "a template with an unknown field, an open brace or a slash is an error",
    arguments: ["{steem}.sumac", "{stem.sumac", "{parent}/{stem}.sumac", ""])
  func badTemplate(name: String) {
    #expect(throws: UsageError.self) { try names(["models/*"], name: name) }
  }

  @Test(
    "the stem of a file is its name without the suffix of its format",
    arguments: [
      ("a/model.safetensors", "model"), ("model.safetensors.index.json", "model"),
      ("x.SUMAC", "x"), ("llama-3.1-8B", "llama-3.1-8B"), ("a.tar.gz", "a"), (".sumac", ".sumac"),
    ])
  func stem(path: String, expected: String) { #expect(BatchName.stem(of: path) == expected) }

  @Test("all faults of inputs and names are thrown together")
  func faults() {
    let error = #expect(throws: SeveralErrors.self) {
      try names(["models/x*", "models/m01"], name: "{stam}")
    }
    #expect(error?.errors.count == 2)
  }

  @Test("names that collide are an error that names the inputs")
  func collision() throws {
    var batch = workspace.converting()
    batch.models = [BatchModel(path: workspace.folder["models/*/model.safetensors"])]
    let error = #expect(throws: UsageError.self) { try workspace.run(batch) }
    #expect(error?.message.contains("3 inputs have the output name model.sumac") == true)
    #expect(!workspace.folder.exists("out"))
    batch.name = "{parent}.sumac"
    #expect(try workspace.run(batch).states == [.done, .done, .done])
  }

  @Test(
    "an input inside of the output folder, or the other way round, is an error",
    arguments: ["models", "models/m01", "models/m01/out"])
  func places(output: String) throws {
    let batch = workspace.converting(output)
    #expect(throws: (any Error).self) { try workspace.run(batch) }
    #expect(try workspace.folder.names(in: "models/m01") == ["config.json", "model.safetensors"])
  }

  @Test("an option that names one file for every model is an error")
  func sharedFile() {
    var prune = BatchWorkspace.prune
    prune.maskOutput = "mask.safetensors"
    var batch = workspace.converting()
    batch.steps = [BatchStep(prune)]
    let error = #expect(throws: UsageError.self) { try workspace.run(batch) }
    #expect(error?.message.contains("save-mask") == true)
  }
}
