from hub.web.api.configuration import configuration_routes
from tests.web.configuration.office import Office, form_content, PART
from tests.web.configuration.test_reach import BODIES
from tests.web.configuration.test_catalogue import NEW, WON, LOST, STAGE
NASTY=["\u0000","a\u0000b","x"*5000,"\ud7ff\uffff","\u202e","-", 10**30, -10**30, 1.5, 1e308, 0, -1, True, None, [], {}, [[[]]], {"a":None}, ["\u0000"], "00000000-0000-0000-0000-000000000000","9999-12-31T23:59:59-12:00","0001-01-01T00:00:00+12:00","1970-01-01T00:00:00Z", {"kind":"fixed","value":"\u0000"}, [{"field":"email","questions":["\u0000"],"transform":{"kind":"formula","expression":"("*500}}],[{"field":"email","questions":["email"],"transform":{"kind":"choice_lookup","choices":{"\u0000":"\u0000"}}}]]
async def test_fuzz(office: Office):
    target = {"kind": "user", "user_id": str(office.hub.mine.user_ids["Sales"])}
    rule={"name":"r","conditions":{"all":[{"about":"language","operator":"eq","operand":"pt"}]},"target":target}
    ru=await office.ask("POST","/routing/rules",rule,status=201)
    fo=await office.ask("POST","/forms",form_content(),status=201)
    p=(await office.get("/pipelines"))["items"][0]
    ids={"pipeline_id":p["id"],"stage_id":p["stages"][0]["id"],"source_id":(await office.get("/lead-sources"))["items"][0]["id"],"type_id":(await office.get("/lead-types"))["items"][0]["id"],"source_form_id":office.source_form_id,"connection_id":office.connection_id,"part_id":PART,"finding_id":(await office.get("/drift-findings"))["items"][0]["id"],"rule_id":ru["id"],"queue_id":(await office.get("/queues"))["items"][0]["id"],"user_id":office.hub.mine.user_ids["Sales"],"form_id":fo["id"],"version":1,"key":"company"}
    valid={**BODIES,("POST","/api/v1/pipelines"):{"name":"P","stages":[NEW,WON,LOST]},
     ("POST","/api/v1/lead-sources"):{"name":"n","color":"#111111"},("POST","/api/v1/lead-types"):{"name":"n","code":"c"},
     ("POST","/api/v1/routing/rules"):rule,("PUT","/api/v1/routing/rules/{rule_id}"):rule,
     ("POST","/api/v1/queues"):{"name":"n","claim_within_minutes":3},("POST","/api/v1/forms"):form_content(),
     ("POST","/api/v1/master-form/fields"):{"label":"L","type":"single_choice","choices":[{"value":"a","label":"b"}]},
     ("POST","/api/v1/master-form"):{"name":"a"},
     ("POST","/api/v1/routing/what-if"):{"rules":[rule],"since":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z"},
     ("POST","/api/v1/assignees"):{"user_id":str(ids["user_id"])},
    }
    s=office.hub.token_of(office.hub.mine.user_ids["Administrator"])
    bad=[];n=0
    def variants(v):
        yield v
        for x in NASTY: yield x
        if isinstance(v,dict):
            for k in v:
                for w in variants(v[k]): yield {**v,k:w}
            yield {**v,"\u0000":1}
        if isinstance(v,(list,tuple)):
            for i in range(len(v)):
                for w in variants(v[i]): yield [*v[:i],w,*v[i+1:]]
    from collections import Counter
    seen=Counter()
    for r in [r for g in configuration_routes() for r in g]:
        url=r.path.format(**ids)
        if r.reads_body:
            base=dict(valid.get((r.method,r.path),{}))
            if hasattr(r.body_model,"model_fields") and "root" not in r.body_model.model_fields:
                for f in r.body_model.model_fields: base.setdefault(f,None) if f in base else None
                todo=list(variants(base))+[{**base,f:x} for f in r.body_model.model_fields for x in NASTY]
            else: todo=list(variants(base))
            for b in todo[:1500]:
                try: a=await office.hub.ask(r.method,url,session=s,body=b)
                except Exception as e: bad.append((r.method,r.path,repr(e)[:80],str(b)[:150])); continue
                n+=1; seen[a.status]+=1
                if a.status>=500: bad.append((r.method,r.path,a.status,str(b)[:200]))
        for name in r.path_model.model_fields:
            for x in ["%00","a%00","%ff","%ed%a0%80","1","-1","99999999999999999999","x"*300,"%F0%9F%98%80"]:
                u=r.path.format(**{**ids,name:x})
                a=await office.hub.ask(r.method,u,session=s,body=valid.get((r.method,r.path),{}) if r.reads_body else None); n+=1
                if a.status>=500: bad.append((r.method,u,a.status))
        for name in r.query_model.model_fields:
            for x in ["%00","a%00","%ff","1","-1","99999999999999999999","x"*300,"2026-01-01","true","9999-12-31T23:59:59-12:00"]:
                a=await office.hub.ask(r.method,url+f"?{name}={x}",session=s); n+=1
                if a.status>=500: bad.append((r.method,url,name,x,a.status))
    print(n,seen)
    for b in bad[:40]: print(b)
    assert not bad
