import Base
import Checkpoints
import Networks
import SparCL
import Training

/// The recipe of a sparse training from its settings.
extension SparclTrainSettings {
  /// Returns the recipe for a network with trained weights of some names and shapes.
  /// - Throws: ``UsageError`` or ``SeveralErrors`` with all settings that are wrong.
  func recipe(
    weights: [(name: String, shape: [Int])], classCount: Int
  ) throws -> ContinualRecipe {
    var faults: [any UserError] = []
    func checked<T>(_ fallback: T, _ body: () throws -> T) -> T {
      do { return try body() } catch let error as any UserError {
        faults.append(error)
      } catch { faults.append(UsageError("\(error)")) }
      return fallback
    }
    let tasks = checked([]) { try Self.tasks(self.tasks, classCount: classCount) }
    faults += numberFaults + faultsWithoutEffect
    if masks != .dense, sparsity == nil, lower == nil {
      faults.append(
        UsageError(
          "the sparsity of the weights is missing", hint: "for example \(setting: "sparsity") 90%"))
    }
    let layers = masks == .dense ? [] : checked([]) { try self.layers(of: weights) }
    let schedule = checked(MaskSchedule(lower: [0.5], upper: [0.5], changes: [], interval: 1)) {
      try self.schedule()
    }
    let removal = checked(nil) { try self.removal.map(Self.removal) }
    if let removal { faults += removalFaults(end: removal.end, interval: schedule.interval) }
    try SeveralErrors.throwIfAny(faults)
    var recipe = ContinualRecipe(
      tasks: tasks, epochs: epochs, layers: layers, sparsity: sparsity ?? schedule.lower[0],
      schedule: schedule)
    recipe.masks = masks
    recipe.masksZeros = !freesZeros
    recipe.importanceFactor = importanceFactor ?? recipe.importanceFactor
    recipe.gradientSparsity = gradientSparsity
    recipe.gradientInterval = gradientInterval ?? recipe.gradientInterval
    recipe.bufferSize = replay == .none ? 0 : buffer ?? recipe.bufferSize
    recipe.replay = recipe.bufferSize == 0 ? .none : replay
    recipe.logitWeight = logitWeight ?? recipe.logitWeight
    recipe.labelWeight = labelWeight ?? (replay == .er ? 1 : recipe.labelWeight)
    recipe.removal = removal?.removal
    recipe.removalEnd = removal?.end ?? 0
    return recipe
  }

  // MARK: Faults

  /// The faults of numbers that are out of their ranges.
  private var numberFaults: [any UserError] {
    var faults: [any UserError] = []
    let counts = [
      ("epochs", epochs, 1, 1 << 20), ("mask-every", maskInterval ?? 1, 1, 1 << 20),
      ("gradient-every", gradientInterval ?? 1, 1, 1 << 40), ("buffer", buffer ?? 0, 0, 1 << 24),
    ]
    for (name, count, least, most) in counts where !(least...most).contains(count) {
      faults.append(
        UsageError("\(setting: name) is \(count), expected \(least) to \(most.grouped)"))
    }
    for (name, share) in [("sparsity", sparsity), ("gradient-sparsity", gradientSparsity)] {
      guard let share, !(share > 0 && share < 1) else { continue }
      faults.append(
        UsageError(
          "\(setting: name) is \(share), expected a share between 0 and 1, both excluded"))
    }
    if let exchange, !(exchange >= 0 && exchange < 1) {
      faults.append(UsageError("\(setting: "exchange") is \(exchange), expected 0 to below 1"))
    }
    let weights = [
      ("importance", importanceFactor), ("logit-weight", logitWeight),
      ("label-weight", labelWeight),
    ]
    for (name, weight) in weights {
      guard let weight, !(weight >= 0 && weight.isFinite) else { continue }
      faults.append(UsageError("\(setting: name) is \(weight), expected 0 or more"))
    }
    return faults
  }

  /// The faults of settings that would have no effect beside others.
  private var faultsWithoutEffect: [any UserError] {
    let hasPeriods = lower != nil || upper != nil || changes != nil
    var faults: [any UserError] = []
    func refuse(_ names: [(name: String, isGiven: Bool)], _ reason: Message) {
      for one in names where one.isGiven {
        faults.append(UsageError("\(setting: one.name) has no effect \(reason)"))
      }
    }
    let dynamic = [
      ("lower", lower != nil), ("upper", upper != nil), ("changes", changes != nil),
      ("exchange", exchange != nil), ("importance", importanceFactor != nil),
    ]
    switch masks {
    case .dynamic:
      if hasPeriods {
        refuse(
          [("exchange", exchange != nil)], "beside \(setting: "lower") and \(setting: "upper")")
      }
    case .fixed: refuse(dynamic, "on masks that do not change")
    case .dense:
      refuse(
        dynamic + [
          ("sparsity", sparsity != nil), ("gradient-sparsity", gradientSparsity != nil),
          ("layers", !layers.isEmpty), ("free-zeros", freesZeros),
        ], "on dense masks")
    }
    if masks != .dynamic, removal == nil {
      refuse(
        [("mask-every", maskInterval != nil)],
        "if neither masks change nor examples leave")
    }
    if gradientSparsity == nil {
      refuse(
        [("gradient-every", gradientInterval != nil)],
        "without \(setting: "gradient-sparsity")")
    }
    switch replay {
    case .none: refuse([("buffer", buffer != nil)], "without replay")
    case .er: refuse([("logit-weight", logitWeight != nil)], "on the replay of labels alone")
    case .derpp: break
    }
    if replay == .none || buffer == 0 {
      refuse(
        [
          ("logit-weight", logitWeight != nil && replay != .er),
          ("label-weight", labelWeight != nil),
        ], "without stored examples")
    }
    refuse([("test-labels", testLabels != nil && test == nil)], "without \(setting: "test")")
    refuse([("seed", seed != nil && draws != nil)], "beside given draws")
    return faults
  }

  /// The faults of a removal up to the epoch `end`, whose rounds follow the changes of masks.
  private func removalFaults(end: Int, interval: Int) -> [any UserError] {
    if end >= max(1, epochs) {
      return [
        UsageError(
          "\(setting: "remove") ends at epoch \(end), but a task has epochs 0 to \(epochs - 1)")
      ]
    }
    guard end < interval else { return [] }
    return [
      UsageError(
        "\(setting: "remove") ends at epoch \(end), but the first examples leave at epoch \(interval)",
        hint: "raise the epoch, or lower \(setting: "mask-every")")
    ]
  }

  // MARK: Texts

  /// Returns the classes of the tasks in a text such as `0,1/2,3`.
  private static func tasks(_ text: String, classCount: Int) throws -> [[Int]] {
    let tasks = text.split(separator: "/", omittingEmptySubsequences: false).map { task in
      task.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    }
    let classes = tasks.flatMap { $0 }.compactMap(\.self)
    guard classes.count == tasks.joined().count, !classes.isEmpty else {
      throw UsageError(
        "\(setting: "tasks") \(text.printable) is not a list of classes for each task",
        hint: "for example 0,1/2,3/4,5")
    }
    if let wrong = classes.first(where: { !(0..<classCount).contains($0) }) {
      throw UsageError(
        "\(setting: "tasks") names class \(wrong), but the network has classes 0 to \(classCount - 1)"
      )
    }
    guard Set(classes).count == classes.count else {
      throw UsageError("\(setting: "tasks") \(text.printable) names a class twice")
    }
    return tasks.map { $0.compactMap(\.self) }
  }

  /// Returns the names of the pruned layers.
  ///
  /// By default these are all weights of convolutions and hidden layers, except the first convolution, convolutions of
  /// single places, and the output layer.
  private func layers(of weights: [(name: String, shape: [Int])]) throws -> Set<String> {
    let matrices = weights.filter { $0.shape.count > 1 }
    guard layers.isEmpty else {
      let globs = layers.map { Glob($0) }
      for glob in globs where !matrices.contains(where: { glob.matches($0.name) }) {
        throw UsageError(
          "\(setting: "layers") \(glob.pattern.printable) names no layer of the network",
          hint: "the weights are \(matrices.map(\.name).joined(separator: ", "))")
      }
      return Set(
        matrices.filter { tensor in globs.contains { $0.matches(tensor.name) } }.map(\.name))
    }
    let first = matrices.first { $0.shape.count == 4 }?.name
    let found = matrices.filter { tensor in
      guard tensor.name != first, tensor.name != "fc.weight", tensor.name != "linear.weight" else {
        return false
      }
      return tensor.shape.dropFirst(2).reduce(1, *) > 1 || tensor.shape.count == 2
    }
    guard !found.isEmpty else {
      throw UsageError(
        "the network has no layers that are pruned by default",
        hint: "name some with \(setting: "layers")")
    }
    return Set(found.map(\.name))
  }

  /// The share of the weights that is replaced at once.
  static let defaultExchange = 0.01

  private func schedule() throws -> MaskSchedule {
    var schedule = MaskSchedule(
      sparsity: sparsity ?? 0.5, exchange: exchange ?? Self.defaultExchange,
      interval: max(1, maskInterval ?? 5),
      epochs: max(1, epochs))
    guard masks == .dynamic else { return schedule }
    if lower != nil || upper != nil || changes != nil {
      guard let lower, let upper else {
        throw UsageError("\(setting: "lower") and \(setting: "upper") are needed together")
      }
      let texts = (changes ?? "").split(separator: "-")
      (schedule.lower, schedule.upper) = (try Self.shares(lower), try Self.shares(upper))
      schedule.changes = texts.compactMap { Int($0) }
      guard schedule.changes.count == texts.count, schedule.changes == schedule.changes.sorted(),
        schedule.lower.count == schedule.upper.count,
        schedule.changes.count + 1 == schedule.lower.count
      else {
        throw UsageError(
          "\(setting: "lower"), \(setting: "upper") and \(setting: "changes") do not fit together",
          hint:
            "for example \(setting: "lower") 75%-76%-75% \(setting: "upper") 74%-75%-75% \(setting: "changes") 5-45"
        )
      }
    }
    for share in schedule.lower + schedule.upper where !(share >= 0 && share < 1) {
      throw UsageError(
        "a sparsity of the masks is \(share), expected 0 to below 1",
        hint: "lower the sparsity or the exchange")
    }
    return schedule
  }

  /// Returns the shares in a text such as `75%-76%-0.75`.
  private static func shares(_ text: String) throws -> [Double] {
    try text.split(separator: "-", omittingEmptySubsequences: false).map { part in
      guard let share = share(part) else {
        throw UsageError("'\(text.printable)' is not a list of shares such as 75%-76%-75%")
      }
      return share
    }
  }

  private static func share(_ text: Substring) -> Double? {
    guard text.hasSuffix("%") else { return Double(text) }
    return Double(text.dropLast()).map { $0 / 100 }
  }

  /// Returns the removal in a text such as `30%:20` or `3000:20`.
  private static func removal(
    _ text: String
  ) throws -> (removal: ContinualRecipe.Removal, end: Int) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    if parts.count == 2, let end = Int(parts[1]), end > 0 {
      if parts[0].hasSuffix("%") || parts[0].contains("."), let share = share(parts[0]),
        share > 0, share < 1
      {
        return (.share(share), end)
      }
      if let count = Int(parts[0]), count > 0 { return (.count(count), end) }
    }
    throw UsageError(
      "\(setting: "remove") \(text.printable) is not a share or number of examples with an epoch",
      hint: "for example 30%:20 or 3000:20")
  }
}
