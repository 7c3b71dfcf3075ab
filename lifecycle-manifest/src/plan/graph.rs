//! Who waits for whom: edges written and by default, their order, their circles.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};

use super::{Cycle, CycleEdge, Gate, On, Wait, Why};
use crate::kind::Phase;
use crate::manifest::Resource;

/// The waits of a manifest's resources, by their index in the file.
pub(super) struct Graph<'m> {
    resources: &'m [Resource],
    pub(super) waits: Vec<Vec<Wait>>,
    pub(super) gates: Vec<Gate>,
}

impl<'m> Graph<'m> {
    pub(super) fn new(resources: &'m [Resource]) -> Self {
        let mut graph = Self {
            resources,
            waits: vec![Vec::new(); resources.len()],
            gates: Vec::new(),
        };
        graph.add_written();
        graph.add_default();
        graph
    }

    fn add_written(&mut self) {
        let index: HashMap<&str, usize> = self
            .resources
            .iter()
            .enumerate()
            .map(|(at, r)| (r.name.as_str(), at))
            .collect();
        let mut seen = HashSet::new();
        for (at, resource) in self.resources.iter().enumerate() {
            for name in resource.after.iter().flatten() {
                if let Some(&other) = index.get(name.value.as_str())
                    && other != at
                    && seen.insert((at, other))
                {
                    let why = Why::After(name.route.clone());
                    self.waits[at].push(Wait {
                        on: On::Step(other),
                        why,
                    });
                }
            }
        }
        for (at, resource) in self.resources.iter().enumerate() {
            for name in &resource.uses {
                if let Some(&used) = index.get(name.value.as_str())
                    && used != at
                    && seen.insert((used, at))
                {
                    let why = Why::Uses(name.route.clone());
                    self.waits[used].push(Wait {
                        on: On::Step(at),
                        why,
                    });
                }
            }
        }
    }

    fn add_default(&mut self) {
        let pulled_to = self.pulled_to();
        let is_pulled = |at: usize| pulled_to[at] < self.resources[at].phase();
        let pulled = (0..self.resources.len()).filter(|&at| is_pulled(at));
        let waits_for_pulled = self.waiters_of(pulled.collect());
        let mut earlier = HashMap::new();
        let mut plain = HashMap::new();
        let mut default_waits: Vec<(usize, usize)> = Vec::new();
        for (at, resource) in self.resources.iter().enumerate() {
            if resource.after.is_some() {
                continue;
            }
            let phase = pulled_to[at];
            if let Some(before) = phase_before(phase) {
                let gate = self.gate_up_to(before, &mut earlier);
                default_waits.push((at, gate));
            }
            if phase < resource.phase() {
                let gates = &mut self.gates;
                let resources = self.resources;
                let gate = *plain.entry(phase).or_insert_with(|| {
                    let members = (0..resources.len())
                        .filter(|&s| resources[s].phase() == phase && !waits_for_pulled[s])
                        .collect();
                    gates.push(Gate {
                        members,
                        gates: Vec::new(),
                    });
                    gates.len() - 1
                });
                default_waits.push((at, gate));
            }
        }
        for (at, gate) in default_waits {
            self.waits[at].push(Wait {
                on: On::Gate(gate),
                why: Why::Default,
            });
        }
    }

    /// The gate of all steps in `phase` and before it.
    fn gate_up_to(&mut self, phase: Phase, known: &mut HashMap<Phase, usize>) -> usize {
        if let Some(&gate) = known.get(&phase) {
            return gate;
        }
        let gates = phase_before(phase).map(|before| self.gate_up_to(before, known));
        let resources = self.resources;
        let members = (0..resources.len())
            .filter(|&s| resources[s].phase() == phase)
            .collect();
        self.gates.push(Gate {
            members,
            gates: gates.into_iter().collect(),
        });
        known.insert(phase, self.gates.len() - 1);
        self.gates.len() - 1
    }

    /// The earliest phase of each step and of all that wait for it by what is written.
    fn pulled_to(&self) -> Vec<Phase> {
        let mut phases: Vec<Phase> = self.resources.iter().map(Resource::phase).collect();
        // Phases are three, so each step is lowered at most twice.
        let mut queue: VecDeque<usize> = (0..phases.len()).collect();
        while let Some(at) = queue.pop_front() {
            for wait in &self.waits[at] {
                if let On::Step(other) = wait.on
                    && phases[other] > phases[at]
                {
                    phases[other] = phases[at];
                    queue.push_back(other);
                }
            }
        }
        phases
    }

    /// Which steps wait, directly or through others, for one of these; those included.
    fn waiters_of(&self, of: Vec<usize>) -> Vec<bool> {
        let mut waiters: Vec<Vec<usize>> = vec![Vec::new(); self.resources.len()];
        for (at, waits) in self.waits.iter().enumerate() {
            for wait in waits {
                if let On::Step(other) = wait.on {
                    waiters[other].push(at);
                }
            }
        }
        let mut reached = vec![false; self.resources.len()];
        let mut stack = of;
        while let Some(at) = stack.pop() {
            if !std::mem::replace(&mut reached[at], true) {
                stack.extend(&waiters[at]);
            }
        }
        reached
    }

    /// Kahn's order, the file's where it is free. What lies on a circle, or behind one, is left out.
    pub(super) fn sort(&self) -> Vec<On> {
        let steps = self.waits.len();
        let node = |on: On| match on {
            On::Step(step) => step,
            On::Gate(gate) => steps + gate,
        };
        let total = steps + self.gates.len();
        let mut left = vec![0_usize; total];
        let mut next: Vec<Vec<usize>> = vec![Vec::new(); total];
        for (at, waits) in self.waits.iter().enumerate() {
            left[at] = waits.len();
            for wait in waits {
                next[node(wait.on)].push(at);
            }
        }
        for (gate, Gate { members, gates }) in self.gates.iter().enumerate() {
            left[steps + gate] = members.len() + gates.len();
            for &member in members {
                next[member].push(steps + gate);
            }
            for &inner in gates {
                next[steps + inner].push(steps + gate);
            }
        }
        let mut ready: BinaryHeap<Reverse<usize>> = (0..total)
            .filter(|&at| left[at] == 0)
            .map(Reverse)
            .collect();
        let mut order = Vec::with_capacity(total);
        while let Some(Reverse(at)) = ready.pop() {
            order.push(if at < steps {
                On::Step(at)
            } else {
                On::Gate(at - steps)
            });
            for &waiter in &next[at] {
                left[waiter] -= 1;
                if left[waiter] == 0 {
                    ready.push(Reverse(waiter));
                }
            }
        }
        order
    }

    /// The circles, a shortest one for each step not yet shown.
    pub(super) fn cycles(&self) -> Vec<Cycle> {
        const MOST: usize = 20;
        let knots = self.knots();
        let mut shown = HashSet::new();
        let mut cycles = Vec::new();
        for start in 0..knots.len() {
            if shown.contains(&start) || cycles.len() == MOST {
                continue;
            }
            if let Some(path) = self.shortest_circle(start, &knots) {
                shown.extend(path.iter().copied());
                cycles.push(self.circle(&path));
            }
        }
        cycles
    }

    /// Which knot each step lies in: the steps of a knot wait for one another, all of them, and a step
    /// on no circle is alone in its own. Circles are looked for within knots only; ten thousand steps
    /// behind a circle, or between two, would else be searched one by one.
    ///
    /// Tarjan's algorithm, with a stack of its own: the longest way is as long as the manifest.
    fn knots(&self) -> Vec<usize> {
        const NOT_YET: usize = usize::MAX;
        let steps = self.waits.len();
        let mut found_at = vec![NOT_YET; steps];
        let mut reaches_back_to = vec![NOT_YET; steps];
        let mut found = 0;
        let mut open = Vec::new();
        let mut is_open = vec![false; steps];
        let mut knots = vec![NOT_YET; steps];
        for root in 0..steps {
            if found_at[root] != NOT_YET {
                continue;
            }
            let mut way = vec![(root, self.waits[root].iter())];
            while let Some((at, waits)) = way.last_mut() {
                let at = *at;
                if found_at[at] == NOT_YET {
                    found_at[at] = found;
                    reaches_back_to[at] = found;
                    found += 1;
                    open.push(at);
                    is_open[at] = true;
                }
                if let Some(wait) = waits.next() {
                    let On::Step(other) = wait.on else { continue };
                    if found_at[other] == NOT_YET {
                        way.push((other, self.waits[other].iter()));
                    } else if is_open[other] {
                        reaches_back_to[at] = reaches_back_to[at].min(found_at[other]);
                    }
                    continue;
                }
                way.pop();
                if let Some(&(before, _)) = way.last() {
                    reaches_back_to[before] = reaches_back_to[before].min(reaches_back_to[at]);
                }
                if reaches_back_to[at] == found_at[at] {
                    let first = open.iter().rposition(|&other| other == at);
                    let members = open.split_off(first.unwrap_or_default());
                    for &member in &members {
                        is_open[member] = false;
                        knots[member] = at;
                    }
                }
            }
        }
        knots
    }

    /// A shortest way from a step along its waits back to itself, within its knot.
    fn shortest_circle(&self, start: usize, knots: &[usize]) -> Option<Vec<usize>> {
        let mut from: HashMap<usize, usize> = HashMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            for wait in &self.waits[at] {
                let On::Step(other) = wait.on else { continue };
                if other == start {
                    let mut path = vec![at];
                    while let Some(&before) = path.last().and_then(|last| from.get(last)) {
                        path.push(before);
                    }
                    path.reverse();
                    return Some(path);
                }
                if knots[other] == knots[start] && !from.contains_key(&other) {
                    from.insert(other, at);
                    queue.push_back(other);
                }
            }
        }
        None
    }

    fn circle(&self, path: &[usize]) -> Cycle {
        let edges = path.iter().enumerate().filter_map(|(at, &waiter)| {
            let on = path[(at + 1) % path.len()];
            let wait = self.waits[waiter]
                .iter()
                .find(|wait| wait.on == On::Step(on))?;
            Some(CycleEdge {
                waiter: self.resources[waiter].name.clone(),
                on: self.resources[on].name.clone(),
                why: wait.why.clone(),
            })
        });
        Cycle {
            edges: edges.collect(),
        }
    }

    /// Leaves out the waits between steps that could not be sorted.
    pub(super) fn cut(&mut self, sorted: &[On]) {
        let sorted: HashSet<On> = sorted.iter().copied().collect();
        for (at, waits) in self.waits.iter_mut().enumerate() {
            if !sorted.contains(&On::Step(at)) {
                waits.retain(|wait| matches!(wait.on, On::Gate(_)) || sorted.contains(&wait.on));
            }
        }
    }
}

fn phase_before(phase: Phase) -> Option<Phase> {
    match phase {
        Phase::Drain => None,
        Phase::Flush => Some(Phase::Drain),
        Phase::Close => Some(Phase::Flush),
    }
}

#[cfg(test)]
mod tests {
    use super::Graph;
    use crate::text::{self, Limits};

    #[test]
    fn a_knot_is_all_that_wait_for_one_another() {
        let (document, _) = text::parse(
            "lifecycle: 1\nservice: shop\nresources:\n  \
             a: { kind: task, timeout: 1s, after: [b] }\n  \
             b: { kind: task, timeout: 1s, after: [c] }\n  \
             c: { kind: task, timeout: 1s, after: [a] }\n  \
             behind: { kind: task, timeout: 1s, after: [c] }\n  \
             alone: { kind: task, timeout: 1s }\n",
            Limits::default(),
        );
        let document = document.expect("it is YAML");
        let manifest = crate::read::manifest(&document, &mut Vec::new()).expect("it is whole");
        let knots = Graph::new(&manifest.resources).knots();
        let together = |one: usize, other: usize| knots[one] == knots[other];
        assert!(together(0, 1) && together(1, 2));
        assert!(!together(0, 3) && !together(0, 4) && !together(3, 4));
    }
}
