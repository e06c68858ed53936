"""Makes the golden coefficients of a small encoder in float64 with numpy alone.

Derivatives by the coefficients are differences of the objective in five points, so that no backward pass is part of the
reference. The rules are those of AdaMerging: start 0.3, Adam, limits 0 to 1 that pass the gradient at both ends, the sum of
two batches of each task, and for ++ the trim of the whole model to 20 % with the sign of the plain sum.
"""
import math, sys
import numpy as np
from safetensors.numpy import save_file

rng = np.random.default_rng(5)
shapes = {"fc1.weight": (10, 12), "fc1.bias": (10,), "norm.weight": (10,), "norm.bias": (10,),
          "fc2.weight": (8, 10), "fc2.bias": (8,), "proj.weight": (6, 8)}
names, tasks, classes, steps = list(shapes), ["a", "b", "c"], [4, 2, 3], 8
base = {n: rng.normal(0, 0.5, s).astype(np.float32) for n, s in shapes.items()}
base["norm.weight"] += 1
tuned = [{n: (base[n] + rng.normal(0, 0.2, s)).astype(np.float32) for n, s in shapes.items()} for _ in tasks]
heads = {}
for task, count in zip(tasks, classes):
    w = rng.normal(size=(count, 6))
    heads[task + ".weight"] = (8 * w / np.linalg.norm(w, axis=1, keepdims=True)).astype(np.float32)
heads["b.bias"] = rng.normal(size=2).astype(np.float32)
pool = {task: rng.integers(0, 17, (24, 12)).astype(np.uint8) for task in tasks}
draws = np.stack([np.stack([rng.permutation(24)[:8].reshape(2, 4) for _ in tasks]) for _ in range(steps)])
vectors = [{n: t[n].astype(float) - base[n].astype(float) for n in names} for t in tuned]
erf = np.vectorize(math.erf)

def gelu(x): return x * (1 + erf(x / math.sqrt(2))) / 2

def values(w, step):
    result = []
    for index, task in enumerate(tasks):
        for batch in draws[step, index]:
            x = pool[task][batch].astype(float) / 16 @ w["fc1.weight"].T + w["fc1.bias"]
            x = x - x.mean(1, keepdims=True)
            x = x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5) * w["norm.weight"] + w["norm.bias"]
            f = gelu(gelu(x) @ w["fc2.weight"].T + w["fc2.bias"]) @ w["proj.weight"].T
            z = f / np.linalg.norm(f, axis=1, keepdims=True) @ heads[task + ".weight"].T.astype(float)
            z = z + heads.get(task + ".bias", np.zeros(1))
            z = z - z.max(1, keepdims=True)
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            result.append(-(p * np.log(p)).sum(1).mean())
    return np.array(result).reshape(len(tasks), 2)

def trimmed():
    flat = np.stack([np.concatenate([v[n].ravel() for n in names]) for v in vectors])
    d = flat.shape[1]
    limits = np.sort(np.abs(flat), 1)[:, d - int(0.2 * d) - 1]
    kept = flat * (np.abs(flat) >= limits[:, None])
    sign = np.sign(kept.sum(0))
    sign[sign == 0] = np.sign(sign.sum())
    kept = kept * np.where(sign > 0, kept > 0, kept < 0)
    result = []
    for row in kept:
        parts, place = {}, 0
        for n in names:
            parts[n] = row[place:place + base[n].size].reshape(shapes[n])
            place += base[n].size
        result.append(parts)
    return result

def learn(vectors, rows, rate):
    raw = np.full((rows, len(tasks)), 0.3)
    m, v = np.zeros_like(raw), np.zeros_like(raw)
    def score(raw, step, whole=False):
        c = np.clip(raw, 0, 1)
        w = {n: base[n].astype(float) + sum(c[i % rows, k] * vectors[k][n] for k in range(len(tasks)))
             for i, n in enumerate(names)}
        found = values(w, step)
        return found if whole else found.sum()
    raws, objective, gradients = [raw.copy()], [], []
    for step in range(steps):
        objective.append(score(raw, step, True))
        g = np.zeros_like(raw)
        for i in np.ndindex(raw.shape):
            if not 0 <= raw[i] <= 1: continue
            def at(x):
                moved = np.clip(raw, 0, 1); moved[i] = x
                w = {n: base[n].astype(float) + sum(moved[r % rows, k] * vectors[k][n] for k in range(len(tasks)))
                     for r, n in enumerate(names)}
                return values(w, step).sum()
            h, x = 2e-3, raw[i]
            g[i] = (8 * (at(x + h) - at(x - h)) - at(x + 2 * h) + at(x - 2 * h)) / (12 * h)
            g[i] = (16 * (8 * (at(x + h / 2) - at(x - h / 2)) - at(x + h) + at(x - h)) / (6 * h) - g[i]) / 15
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        raw = raw - rate * (m / (1 - 0.9 ** (step + 1))) / (np.sqrt(v / (1 - 0.999 ** (step + 1))) + 1e-8)
        raws.append(raw.copy()); gradients.append(g)
    return np.stack(raws), np.stack(objective), np.stack(gradients)

out = {"draws": draws.astype(np.int32)}
for name, v, rows, rate in [("task", vectors, 1, 1e-3), ("tensor", vectors, 7, 1e-3), ("fast", vectors, 7, 0.1),
                            ("task_ties", trimmed(), 1, 1e-3), ("tensor_ties", trimmed(), 7, 1e-3)]:
    out[name + ".raw"], out[name + ".values"], out[name + ".gradient"] = learn(v, rows, rate)
for name, tensors in [("base", base), ("heads", heads), ("pool", pool), ("expected", out)] + list(zip(tasks, tuned)):
    save_file({n: np.ascontiguousarray(t) for n, t in tensors.items()}, f"{sys.argv[1]}/{name}.safetensors")
