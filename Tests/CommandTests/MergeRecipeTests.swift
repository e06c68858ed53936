import Foundation
import TestSupport
import Testing

/// Tests of merge recipes with the built program.
@Suite struct MergeRecipeTests {
  private let workspace: Workspace

  init() throws { workspace = try Workspace() }

  private func merge(
    _ recipe: String, _ output: String, _ options: [String] = [],
    environment: [String: String] = [:]
  ) throws -> CommandRun {
    try workspace.folder.write(Array(recipe.utf8), to: "recipe.yaml")
    return try CommandRun.sumac(
      ["merge", "--recipe", "recipe.yaml", "-o", output, "--no-lineage"] + options,
      in: workspace.folder.path, environment: environment)
  }

  private func expectEqual(_ a: String, _ b: String) throws {
    let run = try CommandRun.sumac(
      ["verify", a, "--against", b, "-q"], in: workspace.folder.path)
    #expect(run.status == 0, "\(run.output)\(run.messages)")
  }

  @Test("recipes of one file use each other's results, with the values of separate merges")
  func documents() throws {
    let first = """
      merge_method: ties
      base_model: base
      models: [{model: poetry, parameters: {weight: 1, density: 0.3}}]
      """
    func second(_ model: String) -> String {
      """
      merge_method: slerp
      base_model: \(model)
      models: [{model: tech}]
      parameters: {t: 0.4}
      dtype: float32
      """
    }
    let both = try merge("name: one\n\(first)\n---\n\(second("one"))", "both.safetensors")
    #expect(both.status == 0, "\(both.messages)")
    #expect(try merge(first, "one").status == 0)
    #expect(try merge(second("one"), "two.safetensors").status == 0)
    try expectEqual("both.safetensors", "two.safetensors")
  }

  private static let linear = "merge_method: linear\nparameters: {weight: 1}\n"

  @Test("models of the local Hugging Face cache are found by their ids")
  func hub() throws {
    let commit = String(repeating: "ab", count: 20)
    let repository = workspace.folder["hub/models--org--poetry"]
    let files = FileManager.default
    for folder in ["refs", "snapshots"] {
      try files.createDirectory(
        atPath: "\(repository)/\(folder)", withIntermediateDirectories: true)
    }
    try Data((commit + "\n").utf8).write(to: URL(fileURLWithPath: "\(repository)/refs/main"))
    try files.createSymbolicLink(
      atPath: "\(repository)/snapshots/\(commit)",
      withDestinationPath: Fixtures.path("models/poetry"))
    let cache = ["HF_HUB_CACHE": workspace.folder["hub"]]
    for (index, name) in ["org/poetry", "org/poetry@main", "org/poetry@\(commit)"].enumerated() {
      let found = try merge(
        Self.linear + "models: [\(name), tech]", "hub\(index).safetensors", environment: cache)
      #expect(found.status == 0, "\(found.messages)")
      #expect(
        found.messages.contains("org/poetry: snapshot abababababab of the Hugging Face cache"))
    }
    let local = try merge(Self.linear + "models: [poetry, tech]", "local.safetensors")
    #expect(local.status == 0, "\(local.messages)")
    try expectEqual("hub0.safetensors", "local.safetensors")
    let missing = try merge(
      Self.linear + "models: [org/other, org/poetry@dev]", "x", environment: cache)
    #expect(missing.status == 4)
    #expect(missing.messages.contains("org/other: cannot read, and the Hugging Face cache ("))
    #expect(missing.messages.contains("'hf download org/other'"))
    #expect(missing.messages.contains("'hf download org/poetry --revision dev'"))
  }

  @Test("a revision of a local model is ignored with a note")
  func revision() throws {
    let run = try merge(Self.linear + "models: [poetry@main, tech]", "x.safetensors")
    #expect(run.status == 0, "\(run.messages)")
    #expect(run.messages.contains("poetry: revision 'main' is ignored"))
  }

  @Test("--base gives linear its configuration and never its tensors")
  func linearBase() throws {
    let arguments = ["merge", "poetry", "tech", "--method", "linear", "--no-lineage"]
    let run = try CommandRun.sumac(
      arguments + ["--base", "base", "-o", "a.safetensors"], in: workspace.folder.path)
    #expect(run.status == 0, "\(run.messages)")
    #expect(run.messages.contains("linear has no base: the tensors of base are not merged"))
    let plain = try CommandRun.sumac(
      arguments + ["-o", "b.safetensors"], in: workspace.folder.path)
    #expect(plain.status == 0, "\(plain.messages)")
    try expectEqual("a.safetensors", "b.safetensors")
  }

  @Test("faults of a recipe and models that are missing are reported together")
  func allAtOnce() throws {
    let run = try merge(
      """
      merge_method: ties
      normalize: true
      base_model: nothing
      models:
        - model: poetry
          parameters: {densty: 0.5, weight: 1}
        - model: tech
          weight: 1
      """, "x")
    #expect(run.status == 64)
    for text in [
      "recipe.yaml: line 2: the recipe has no key 'normalize'",
      "put 'normalize' under parameters", "recipe.yaml: line 8: a model has no key 'weight'",
      "line 6: ties has no parameter 'densty'", "did you mean 'density'?",
      "nothing: cannot read: No such file or directory",
    ] {
      #expect(run.messages.contains(text), "\(text) in \(run.messages)")
    }
  }

  @Test("errors in recipes contain no control characters")
  func escapes() throws {
    for recipe in [
      #"{"merge_method": "\u001b[31mlinear", "models": ["\u001b[2Jx"]}"#,
      #"{"merge_method": "linear", "models": ["x"], "\u001b]0;a\u0007": 1, "\u001b]0;a\u0007": 2}"#,
      #"{"\u001b[31mkey": 1, "models": [{"model": "\u001b[1mx", "\u001b[2Jy": 1}]}"#,
      "a: *\u{85}", "merge_method: linear\nx: \u{1b}[31m",
    ] {
      let run = try merge(recipe, "x")
      #expect(run.status != 0)
      #expect(!run.messages.unicodeScalars.contains { $0.value < 32 && $0 != "\n" }, "\(recipe)")
    }
  }
}
