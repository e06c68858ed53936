package import Base

/// The tensors that a command applies to: `--include`, `--exclude` and `--names-from`.
package struct Selection: Sendable, Equatable {
  /// A pattern that includes or excludes names.
  package enum Rule: Sendable, Equatable {
    case include(Glob)
    case exclude(Glob)
  }

  /// The rules in the order in which they were given; the last matching rule decides.
  package var rules: [Rule]
  /// The names that are selected before the rules are applied; nil to let the first rule decide.
  package var names: Set<String>?

  package init(rules: [Rule] = [], names: Set<String>? = nil) {
    self.rules = rules
    self.names = names
  }

  /// True if the tensor of this name is selected.
  ///
  /// The last matching rule decides. A name that no rule matches is selected if it is in `names`; without
  /// `names`, unless the first rule is an inclusion.
  package func contains(_ name: String) -> Bool {
    var isIn =
      if let names { names.contains(name) } else {
        switch rules.first {
        case .include: false
        case .exclude, nil: true
        }
      }
    for rule in rules {
      switch rule {
      case .include(let glob): if glob.matches(name) { isIn = true }
      case .exclude(let glob): if glob.matches(name) { isIn = false }
      }
    }
    return isIn
  }

  /// True if tensors are selected by their names, so that the selection alone decides.
  package var includesByName: Bool {
    names != nil || rules.contains { if case .include = $0 { true } else { false } }
  }

  /// The options for the lineage: one list for both kinds of rules, since their order decides.
  package var lineageOptions: [Lineage.Option] {
    var options = rules.map { rule in
      switch rule {
      case .include(let glob): Lineage.Option(Lineage.Option.selectName, "include " + glob.pattern)
      case .exclude(let glob): Lineage.Option(Lineage.Option.selectName, "exclude " + glob.pattern)
      }
    }
    if let names {
      let sorted = names.sorted { $0.precedesAsBytes($1) }
      options.append(Lineage.Option(Lineage.Option.namesName, sorted.joined(separator: "\n")))
    }
    return options
  }

  /// Returns an error for each pattern or name that matches no tensor of `checkpoint`.
  package func errors(for checkpoint: Checkpoint) -> [any UserError] {
    let present = checkpoint.tensors.map(\.name)
    var errors: [any UserError] = rules.compactMap { rule in
      let (flag, glob) =
        switch rule {
        case .include(let glob): ("include", glob)
        case .exclude(let glob): ("exclude", glob)
        }
      return present.contains(where: glob.matches) ? nil : noMatch(flag, glob, checkpoint)
    }
    for name in (names ?? []).subtracting(present).sorted() {
      errors.append(
        UsageError(
          "\(setting: "names-from"): no tensor is named '\(name.printable)' in \(checkpoint.path.printable)"
        ))
    }
    return errors
  }
}

/// Returns the error for a pattern that matches no tensor of `checkpoint`.
package func noMatch(_ flag: String, _ glob: Glob, _ checkpoint: Checkpoint) -> UsageError {
  UsageError(
    "\(setting: flag) '\(glob.pattern.printable)' matches no tensor of \(checkpoint.path.printable)",
    hint: "list the names with: \(command: "inspect \(checkpoint.path.printable)")")
}
