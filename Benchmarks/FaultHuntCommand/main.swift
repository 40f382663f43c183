import FaultHunt
for i in 0..<20 {
  let p = HuntProblem(seed: 1, index: i)
  print(i, String(p.fingerprint, radix: 16), Oracle(p) != nil)
}
