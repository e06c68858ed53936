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
    func require(_ isValid: Bool, _ reason: Message, hint: Message? = nil) {
      if !isValid { faults.append(UsageError(reason, hint: hint)) }
    }
    let tasks = checked([]) { try Self.tasks(self.tasks, classCount: classCount) }
    require((1...1 << 20).contains(epochs), "\(setting: "epochs") is \(epochs), expected 1 or more")
    require(
      maskInterval > 0 && gradientInterval > 0,
      "\(setting: "mask-every") and \(setting: "gradient-every") must be 1 or more")
    require((0...1 << 24).contains(buffer), "\(setting: "buffer") is \(buffer), expected 0 or more")
    for (name, share) in [("sparsity", sparsity), ("gradient-sparsity", gradientSparsity)] {
      guard let share, !(share > 0 && share < 1) else { continue }
      require(
        false, "\(setting: name) is \(share), expected a share between 0 and 1, both excluded")
    }
    require(exchange >= 0 && exchange < 1, "\(setting: "exchange") is \(exchange), expected 0 to 1")
    for (name, weight) in [
      ("importance", importanceFactor), ("logit-weight", logitWeight ?? 0),
      ("label-weight", labelWeight ?? 0),
    ] where !(weight >= 0 && weight.isFinite) {
      require(false, "\(setting: name) is \(weight), expected 0 or more")
    }
    if masks == .dense {
      require(
        sparsity == nil && gradientSparsity == nil,
        "dense masks have no sparsity", hint: "leave out the sparsities, or choose other masks")
    } else {
      require(
        sparsity != nil || lower != nil, "the sparsity of the weights is missing",
        hint: "for example \(setting: "sparsity") 90%")
    }
    let layers = masks == .dense ? [] : checked([]) { try self.layers(of: weights) }
    let schedule = checked(MaskSchedule(lower: [0.5], upper: [0.5], changes: [], interval: 1)) {
      try self.schedule()
    }
    let removal = checked(nil) { try self.removal.map(Self.removal) }
    if let removal, removal.end >= max(1, epochs) {
      require(
        false,
        "\(setting: "remove") ends at epoch \(removal.end), but a task has epochs 0 to \(epochs - 1)"
      )
    }
    try SeveralErrors.throwIfAny(faults)
    var recipe = ContinualRecipe(
      tasks: tasks, epochs: epochs, layers: layers, sparsity: sparsity ?? schedule.lower[0],
      schedule: schedule)
    recipe.masks = masks
    recipe.masksZeros = !freesZeros
    recipe.importanceFactor = importanceFactor
    recipe.gradientSparsity = gradientSparsity
    recipe.gradientInterval = gradientInterval
    recipe.bufferSize = buffer
    recipe.replay = replay
    recipe.logitWeight = logitWeight ?? 0.1
    recipe.labelWeight = labelWeight ?? (replay == .er ? 1 : 0.5)
    recipe.removal = removal?.removal
    recipe.removalEnd = removal?.end ?? 0
    return recipe
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
        "the network has no layers that are pruned by default", hint: "name some with --layers")
    }
    return Set(found.map(\.name))
  }

  private func schedule() throws -> MaskSchedule {
    var schedule = MaskSchedule(
      sparsity: sparsity ?? 0.5, exchange: exchange, interval: max(1, maskInterval),
      epochs: max(1, epochs))
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
          hint: "for example --lower 75%-76%-75% --upper 74%-75%-75% --changes 5-45")
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
