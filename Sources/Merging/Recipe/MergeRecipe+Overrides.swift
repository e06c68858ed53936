/// Recipes that are created or changed by command-line options.
extension MergeRecipe {
  /// Creates a recipe of models and a method, without parameters.
  package init(method: String, base: String?, models: [String]) {
    self.init(
      method: method, base: base,
      parts: .models(
        models.map { Source(model: $0, layers: nil, parameters: MergeParameters(), line: 0) }),
      modules: [], parameters: MergeParameters(), dtype: nil, outDType: nil)
  }

  /// Sets a parameter of the whole recipe, and removes it from all narrower scopes.
  package mutating func override(_ name: String, with value: MergeParameters.Value) {
    changeScopes { $0.remove(name) }
    parameters.set(name, to: value)
  }

  /// Sets a parameter of each source for whose model `isMeant` returns true.
  ///
  /// - Returns: True if there is such a source.
  package mutating func override(
    _ name: String, with value: MergeParameters.Value, where isMeant: (String) -> Bool
  ) -> Bool {
    var isFound = false
    changeSources { source in
      guard isMeant(source.model) else { return }
      isFound = true
      source.parameters.set(name, to: value)
    }
    return isFound
  }

  private mutating func changeSources(_ change: (inout Source) -> Void) {
    func changed(_ parts: Parts) -> Parts {
      switch parts {
      case .models(var sources):
        for place in sources.indices { change(&sources[place]) }
        return .models(sources)
      case .slices(var slices):
        for slice in slices.indices {
          for place in slices[slice].sources.indices { change(&slices[slice].sources[place]) }
        }
        return .slices(slices)
      }
    }
    parts = parts.map(changed)
    for place in modules.indices { modules[place].parts = changed(modules[place].parts) }
  }

  /// Changes the parameters of every scope except the whole recipe.
  private mutating func changeScopes(_ change: (inout MergeParameters) -> Void) {
    changeSources { change(&$0.parameters) }
    for place in modules.indices { change(&modules[place].parameters) }
    func changed(_ parts: Parts) -> Parts {
      guard case .slices(var slices) = parts else { return parts }
      for place in slices.indices { change(&slices[place].parameters) }
      return .slices(slices)
    }
    parts = parts.map(changed)
    for place in modules.indices { modules[place].parts = changed(modules[place].parts) }
  }
}

extension MergeParameters {
  fileprivate mutating func set(_ name: String, to value: Value) {
    choices[name] = [Choice(filter: nil, value: value, line: 0)]
  }

  fileprivate mutating func remove(_ name: String) { choices[name] = nil }
}
