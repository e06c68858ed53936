import Base
import Charts
import InductionHeads
import Reporting
import ScalingLaws

/// The report of a sweep: the losses and heads of each size and mixture over all seeds, and of each training.
struct SweepReport: Report {
  static let schema = "sumac.repeats-sweep/1"

  /// A training with its result.
  struct Row: Sendable {
    var member: SweepMember
    var result: SweepResult
    /// The size without repeats that has its test loss; nil for members of that family, or without a law.
    var effective: EffectiveSize?
  }

  /// The trainings of one size on one mixture, one for each seed.
  struct Group: Sendable {
    var size: String
    var variant: SweepVariant
    var rows: [Row]

    var parameterCount: Int { rows[0].result.parameterCount }
    var testLosses: [Double] { rows.map(\.result.testLoss) }

    /// Returns the mean over the seeds; nil if a value is missing.
    func mean(_ value: (SweepResult) -> Double?) -> Double? {
      let values = rows.compactMap { value($0.result) }
      return values.count == rows.count ? values.reduce(0, +) / Double(values.count) : nil
    }

    var meanLoss: Double { testLosses.reduce(0, +) / Double(rows.count) }

    /// The standard deviation of the test losses, with n − 1 below the sum; nil for one seed.
    var deviation: Double? {
      guard rows.count > 1 else { return nil }
      let mean = meanLoss
      let squares = testLosses.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      return (squares / Double(rows.count - 1)).squareRoot()
    }
  }

  /// The search for a hump in the mean losses of a size over repeats.
  struct Curve: Sendable {
    var size: String
    var share: Double
    var search: HumpSearch
  }

  let recipe: SweepRecipe
  let folder: String
  let rows: [Row]
  let groups: [Group]
  let law: PowerLaw?
  let curves: [Curve]

  /// - Parameter results: The results of all members of the recipe, in order.
  init(_ recipe: SweepRecipe, folder: String, _ results: [SweepResult]) {
    let members = recipe.members
    precondition(members.count == results.count && !results.isEmpty)
    self.recipe = recipe
    self.folder = folder
    let law = Self.law(zip(members, results).filter { $0.0.variant == .unique }.map(\.1))
    self.law = law
    let rows = zip(members, results).map { member, result in
      Row(
        member: member, result: result,
        effective: member.variant == .unique ? nil : Self.effective(result.testLoss, result, law))
    }
    self.rows = rows
    let sizes = recipe.sizes.map(\.name)
    var groups: [Group] = []
    for size in sizes {
      for row in rows where row.member.size == size && row.member.seed == members[0].seed {
        groups.append(
          Group(
            size: size, variant: row.member.variant,
            rows: rows.filter {
              $0.member.size == size && $0.member.variant == row.member.variant
            }))
      }
    }
    self.groups = groups
    curves = sizes.flatMap { size in
      recipe.shares.compactMap { share in
        let points = Self.points(groups, size: size, share: share)
        guard !points.isEmpty else { return nil }
        return Curve(
          size: size, share: share,
          search: HumpSearch(x: points.map(\.x), losses: points.map(\.group.meanLoss)))
      }
    }
  }

  /// Returns the groups of a size without repeats and with repeats of a share, by their repeats.
  private static func points(
    _ groups: [Group], size: String, share: Double
  ) -> [(x: Double, group: Group)] {
    groups.filter { group in
      group.size == size && !group.variant.isControl
        && (group.variant == .unique || group.variant.share == share)
    }.map { ($0.mean(\.times) ?? 1, $0) }.sorted { $0.x < $1.x }
  }

  /// Fits the law of the members without repeats: with a floor from three sizes on; nil for a single size.
  private static func law(_ results: [SweepResult]) -> PowerLaw? {
    let sizes = results.map { Double($0.parameterCount) }
    let losses = results.map(\.testLoss)
    return switch Set(sizes).count {
    case 0, 1: nil
    case 2: PowerLaw.withoutFloor(sizes: sizes, losses: losses)
    default: PowerLaw.fitted(sizes: sizes, losses: losses)
    }
  }

  private static func effective(
    _ loss: Double, _ result: SweepResult, _ law: PowerLaw?
  ) -> EffectiveSize? {
    law.flatMap {
      EffectiveSize(
        size: Double(result.parameterCount), tokens: nil, repeats: nil, loss: loss, .power($0))
    }
  }

  /// The group without repeats of the size of another one; nil if the sweep has none.
  func base(of group: Group) -> Group? {
    groups.first { $0.size == group.size && $0.variant == .unique }
  }

  /// The effective size of the mean loss of a group; nil for groups without repeats, or without a law.
  func effective(_ group: Group) -> EffectiveSize? {
    guard group.variant != .unique else { return nil }
    return Self.effective(group.meanLoss, group.rows[0].result, law)
  }

  /// The plot of the test losses over repeats, with the lowest and highest loss of the seeds.
  var plot: String {
    let severalShares = recipe.shares.count > 1
    let series = recipe.sizes.flatMap { size in
      (recipe.shares.isEmpty ? [0] : recipe.shares).map { share in
        let control = groups.first {
          $0.size == size.name && $0.variant == .control(share: share)
        }
        return SpreadPlot.Series(
          severalShares ? "\(size.name), \(share.briefPercentage)" : size.name,
          Self.points(groups, size: size.name, share: share).map {
            SpreadPlot.Point(x: $0.x, values: $0.group.testLosses)
          }, level: control?.meanLoss)
      }
    }
    let shares = recipe.shares.map(\.briefPercentage).joined(separator: ", ")
    return SpreadPlot(
      "Test loss with \(shares.isEmpty ? "no" : shares) of the tokens repeated",
      x: "repeats of the subset", y: "test loss in nats", series: series,
      levelName: groups.contains { $0.variant.isControl } ? "the unique part alone" : nil
    ).svg
  }
}
