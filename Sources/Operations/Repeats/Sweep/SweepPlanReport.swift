import Base
import Repeats
import Reporting
import Training

/// The plan of a sweep, shown by a dry run: the data of each mixture, and the network of each size.
struct SweepPlanReport: Report {
  static let schema = "sumac.repeats-sweep-plan/1"

  /// The data of a mixture in each training.
  private struct Data {
    var variant: SweepVariant
    var windowCount: Int
    var subsetCount: Int
    var times: Double
    var distinctTokens: Int
    var tokens: Int
  }

  private let recipe: SweepRecipe
  private let folder: String
  private let testTokens: Int
  private let data: [Data]
  private let sizes: [Sweep.SizePlan]

  init(_ sweep: Sweep, folder: String, _ sizes: [Sweep.SizePlan]) throws {
    recipe = sweep.recipe
    self.folder = folder
    self.sizes = sizes
    testTokens = sweep.testTokenCount
    let members = sweep.recipe.members
    data = try members.filter {
      $0.size == members[0].size && $0.seed == members[0].seed
    }.map { member in
      let mixture = try sweep.mixture(member.variant)
      return Data(
        variant: member.variant, windowCount: mixture.count, subsetCount: mixture.subsetCount,
        times: mixture.times, distinctTokens: mixture.distinctCount * sweep.windowLength,
        tokens: mixture.count * sweep.windowLength)
    }
  }

  /// The tokens that all trainings of a size predict.
  private var tokensOfSize: Int { recipe.seeds.count * data.reduce(0) { $0 + $1.tokens } }

  /// The number of operations of all trainings, 6 N D.
  private var operations: Double {
    sizes.reduce(0) { $0 + 6 * Double($1.plan.parameterCount) * Double(tokensOfSize) }
  }

  var sections: [Section] {
    let mixtures = Table(
      [Table.Column("data")]
        + ["windows", "subset", "times", "tokens", "different tokens"].map {
          Table.Column($0, alignsRight: true)
        },
      rows: data.map { row in
        [
          row.variant.text, row.windowCount.grouped, row.subsetCount.grouped, row.times.short,
          row.tokens.grouped, row.distinctTokens.grouped,
        ]
      })
    let networks = Table(
      [Table.Column("size")]
        + ["parameters", "steps", "memory"].map { Table.Column($0, alignsRight: true) },
      rows: sizes.map { size in
        [
          size.name, size.plan.parameterCount.grouped, size.plan.stepCount.grouped,
          ByteSize(size.plan.byteCount).description,
        ]
      })
    return [
      .table(mixtures), .table(networks),
      .facts([
        Section.Fact("trainings", recipe.members.count.grouped),
        Section.Fact("test", testTokens.counted("token")),
        Section.Fact(
          "work",
          "\((sizes.count * tokensOfSize).counted("token")), about \(operations.short) operations"),
        Section.Fact("output", folder.printable),
      ]),
    ]
  }

  var records: Table {
    Table(
      ["size", "parameters", "steps", "memory_bytes"].map { Table.Column($0) },
      rows: sizes.map { size in
        [
          size.name, "\(size.plan.parameterCount)", "\(size.plan.stepCount)",
          "\(size.plan.byteCount)",
        ]
      })
  }

  var members: JSONObject {
    [
      "recipe": .string(recipe.path), "folder": .string(folder),
      "trainings": JSONValue(recipe.members.count), "test_tokens": JSONValue(testTokens),
      "data": .array(
        data.map { row in
          .object([
            "control": .bool(row.variant.isControl), "share": JSONValue(row.variant.share),
            "repeats": JSONValue(row.variant.times), "times": JSONValue(row.times),
            "windows": JSONValue(row.windowCount), "subset_windows": JSONValue(row.subsetCount),
            "tokens": JSONValue(row.tokens), "distinct_tokens": JSONValue(row.distinctTokens),
          ])
        }),
      "sizes": .array(lines), "operations": JSONValue(operations),
    ]
  }

  var lines: [JSONValue] {
    sizes.map { size in
      .object([
        "size": .string(size.name), "parameters": JSONValue(size.plan.parameterCount),
        "steps": JSONValue(size.plan.stepCount), "memory_bytes": JSONValue(size.plan.byteCount),
      ])
    }
  }
}
