package import Base

/// Which tensors a command applies to: `--include`, `--exclude` and `--names-from`.
package struct Selection: Sendable, Equatable {
  package enum Rule: Sendable, Equatable {
    case include(Glob)
    case exclude(Glob)
  }

  /// In the order in which they were given; the last that matches decides.
  package var rules: [Rule]
  /// If given, all other names are out from the start.
  package var names: Set<String>?

  package init(rules: [Rule] = [], names: Set<String>? = nil) {
    self.rules = rules
    self.names = names
  }

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

  /// What lineage records of it: one list for both kinds of rule, since their order decides.
  package var lineageOptions: [Lineage.Option] {
    var options = rules.map { rule in
      switch rule {
      case .include(let glob): Lineage.Option("select", "include " + glob.pattern)
      case .exclude(let glob): Lineage.Option("select", "exclude " + glob.pattern)
      }
    }
    if let names {
      let sorted = names.sorted { $0.precedesAsBytes($1) }
      options.append(Lineage.Option("names", sorted.joined(separator: "\n")))
    }
    return options
  }

  /// An error for each pattern and name that no tensor of `checkpoint` has.
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

/// The error of a pattern that no tensor of `checkpoint` has.
package func noMatch(_ flag: String, _ glob: Glob, _ checkpoint: Checkpoint) -> UsageError {
  UsageError(
    "\(setting: flag) '\(glob.pattern.printable)' matches no tensor of \(checkpoint.path.printable)",
    hint: "list the names with: \(command: "inspect \(checkpoint.path.printable)")")
}
