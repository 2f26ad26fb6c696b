"""What pm4py makes of an XES and of an OCEL file: run in its own environment, prints JSON."""

import json
import sys
import warnings

warnings.simplefilter("ignore")

import jsonschema  # noqa: E402
import pm4py  # noqa: E402


def pairs(graph):
    """A directly-follows graph as a list that JSON has."""
    return sorted([a, b, int(n)] for (a, b), n in graph.items())


def main(xes, ocel, schema, *nouns):
    with open(ocel) as file, open(schema) as words:
        told = json.load(file)
        errors = [e.message for e in jsonschema.Draft7Validator(json.load(words)).iter_errors(told)]
    traces = pm4py.read_xes(xes, return_legacy_log_object=False)
    found, starts, ends = pm4py.discover_dfg(traces)
    objects = pm4py.read_ocel2_json(ocel)
    flat = {noun: pm4py.discover_dfg(pm4py.ocel_flattening(objects, noun))[0] for noun in nouns}
    net = pm4py.discover_oc_petri_net(objects)
    answer = {
        "schema_errors": errors,
        "events": len(traces),
        "traces": int(traces["case:concept:name"].nunique()),
        "graph": pairs(found),
        "starts": {name: int(n) for name, n in starts.items()},
        "ends": {name: int(n) for name, n in ends.items()},
        "object_events": len(objects.events),
        "objects": len(objects.objects),
        "relations": len(objects.relations),
        "object_links": len(objects.o2o),
        "object_types": sorted(pm4py.ocel_get_object_types(objects)),
        "graphs": {noun: pairs(graph) for noun, graph in flat.items()},
        "amounts": sorted(float(x) for x in objects.events["total.amount"].dropna()),
        "net_activities": len(net["activities"]),
    }
    print("\n" + json.dumps(answer))


main(*sys.argv[1:])
