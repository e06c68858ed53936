import Base
import Checkpoints
import Inspection
import Operations
import Reporting
import TestSupport
import Testing

/// Orders, histograms and maps of `inspect`.
@Suite struct InspectTests {
  private struct Silent: OperationObserver {
    let progress: any Progress = NoProgress()
    func report(_ notice: OperationNotice) {}
  }

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private var context: OperationContext {
    OperationContext(
      jobs: 2, memory: MemoryBudget(limit: 1 << 30), temporaryFolder: folder.path,
      observer: Silent())
  }

  private var model: String { Fixtures.path("models/base") }

  private func report(_ operation: InspectOperation) throws -> any Report {
    let result = try operation.run(context)
    return try #require(result.reports.first)
  }

  /// Returns a pruned and packed copy of the model: zeros and errors differ between tensors.
  private func packed() throws -> String {
    let pruned = folder["pruned.safetensors"]
    var prune = PruneOperation(input: model, output: OutputSettings(path: pruned))
    prune.settings.method = .magnitude
    prune.settings.amount = 0.5
    _ = try prune.run(context)
    let path = folder["packed.sumac"]
    var convert = ConvertOperation(input: pruned, output: OutputSettings(path: path))
    convert.storage.tensorTypes = ["*.mlp.*=int4", "*.self_attn.*=int8"]
    _ = try convert.run(context)
    return path
  }

  @Test("orders by values need the values", arguments: [Inspection.SortKey.pqi, .zeros])
  func withoutValues(key: Inspection.SortKey) {
    var operation = InspectOperation(inputs: [model])
    operation.sortKey = key
    #expect {
      try operation.run(context)
    } throws: { error in
      guard let error = error as? UsageError else { return false }
      return error.message.text(.commandLine) == "--sort \(key.rawValue) needs the values"
        && error.hint?.text(.commandLine) == "add --stats"
    }
  }

  @Test("an order by errors names the file that has none", arguments: [false, true])
  func withoutErrors(listsLayers: Bool) {
    var operation = InspectOperation(inputs: [model])
    operation.sortKey = .error
    operation.listsLayers = listsLayers
    #expect {
      try operation.run(context)
    } throws: { error in
      (error as? UsageError)?.message.text(.commandLine)
        == "\(model): --sort error needs recorded errors, but none of the 39 tensors has one"
    }
  }

  @Test(
    "the largest come first, and those without the measure last",
    arguments: [
      (Inspection.SortKey.pqi, "pqi"), (.zeros, "zero_share"), (.error, "relative_error"),
    ])
  func order(key: Inspection.SortKey, name: String) throws {
    var operation = InspectOperation(inputs: [try packed()])
    operation.showsStatistics = true
    operation.sortKey = key
    let all = try report(operation).lines.map { $0[name]?.asDouble ?? -1 }
    #expect(all.count == 39)
    #expect(all == all.sorted(by: >))
    #expect(Set(all).count > 5)
    operation.rowLimit = 3
    #expect(try report(operation).lines.map { $0[name]?.asDouble ?? -1 } == Array(all.prefix(3)))
  }

  @Test(
    "each tensor has a histogram over the same powers of two, whose counts are in the JSON form")
  func histogram() throws {
    var operation = InspectOperation(inputs: [model])
    operation.showsStatistics = true
    let report = try report(operation)
    let tables = report.sections.compactMap {
      if case .table(let table) = $0 { table } else { nil }
    }
    let histograms = tables.filter { $0.columns.contains { $0.drawing == .levels } }
    let table = try #require(histograms.first)
    #expect(histograms.count == 1)
    // 39 tensors and all of them together.
    #expect(table.rows.count == 40)
    #expect(table.rows.allSatisfy { $0[1].count == table.rows[0][1].count && $0[1].contains("█") })
    let line = report.lines[0]
    let lowest = try #require(line["octave_lowest"]?.asInt)
    let counts = try #require(line["octave_counts"]?.asArray).compactMap(\.asInt)
    let most = try #require(counts.max().flatMap(counts.firstIndex))
    #expect(table.rows[0][2] == "2^\(lowest + most)")
    #expect(
      report.rendered(as: .text, width: 80).split(separator: "\n").allSatisfy {
        $0.columnCount <= 80
      })
    #expect(!report.rendered(as: .csv, width: nil).contains("█"))
    #expect(!report.rendered(as: .json, width: nil).contains("█"))
  }

  @Test(
    "maps have a row for each layer and a block for each kind, and the numbers are in the JSON form"
  )
  func maps() throws {
    var operation = InspectOperation(inputs: [try packed()])
    operation.showsStatistics = true
    operation.listsLayers = true
    let report = try report(operation)
    let tables = report.sections.compactMap {
      if case .table(let table) = $0 { table } else { nil }
    }
    let maps = tables.filter { $0.columns.contains { $0.drawing == .levels } }
    #expect(maps.map { $0.columns[0].title } == ["PQ Index", "zeros", "error", "bits"])
    #expect(maps.allSatisfy { $0.columns[1].title == "a b c d e f g h i" })
    #expect(maps.allSatisfy { $0.rows.count == 4 })
    #expect(maps.allSatisfy { map in map.rows.contains { $0[1].contains("█") } })
    // Norms have no error, and no zeros.
    #expect(maps[2].rows.allSatisfy { $0[1].hasPrefix("  ") })
    #expect(maps[1].rows.allSatisfy { $0[1].hasPrefix("· ") })
    let text = report.rendered(as: .text, width: 80)
    #expect(text.contains("a=input_layernorm b=mlp.down_proj"))
    #expect(text.split(separator: "\n").allSatisfy { $0.columnCount <= 80 })

    let layers = report.lines.filter { $0["layer"]?.asString?.hasPrefix("model.layers.") == true }
    #expect(layers.count == 4)
    for layer in layers {
      let kinds = layer["kinds"]?.asArray ?? []
      #expect(kinds.count == 9)
      for key in ["tensor_count", "value_count", "bytes", "stored_bytes", "zeros"] {
        #expect(kinds.reduce(0) { $0 + ($1[key]?.asInt ?? -1) } == layer[key]?.asInt)
      }
      #expect(layer["relative_error"]?.asDouble ?? 0 > 0)
    }
    #expect(!report.rendered(as: .csv, width: nil).contains("kind"))
  }

  @Test("a file of headers alone has no maps without differences")
  func noMaps() throws {
    var operation = InspectOperation(inputs: [model])
    operation.listsLayers = true
    let tables = try report(operation).sections.filter {
      if case .table = $0 { true } else { false }
    }
    #expect(tables.count == 1)
  }
}
