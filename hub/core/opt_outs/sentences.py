"""Clear sentences by which people ask not to be written to or called any more, in eight languages.

A sentence counts when it is nothing but the request, with polite words around it. "Why did you stop texting me?",
"please don't stop texting me" and "don't call me before five" are no requests, and do not match. Where in doubt it is
no opt-out: the message stays visible, and a person decides.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hub.core.opt_outs.folding import fold

_LONGEST_CLAUSE = 120
_LONGEST_TEXT = 20_000
_ENDS = re.compile(r"[.!?;:\n\r()…–—|]+")


@dataclass(frozen=True, slots=True)
class _Language:
    """Patterns over folded text. ``around`` may stand before and after; ``anywhere`` is a request wherever it is a
    clause of its own, ``alone`` only as the whole text, because another clause may take it back ("don't text me,
    call me")."""

    around: str
    anywhere: tuple[str, ...]
    alone: tuple[str, ...] = ()


_ENGLISH = _Language(
    around=(
        "please|pls|plz|hi|hello|hey|ok|okay|sorry|and|so|just|kindly|now|right now|immediately|at once|asap|thanks|"
        "thank you|thx|no thanks|no thank you|can you|could you|will you|would you|i want you to|id like you to|"
        "i would like you to|i said|i told you to|again|ever again|any ?more|for good|today|not interested|"
        "wrong number|you have the wrong number|who is this|go away|fuck off"
    ),
    anywhere=(
        r"(?:stop|quit) (?:texting|messaging|calling|contacting|emailing|writing(?: to)?|phoning|ringing|spamming|"
        r"bothering|harassing|disturbing)(?: (?:and|or) (?:texting|messaging|calling|contacting|emailing))? "
        r"(?:me|us|this number)",
        r"stop sending (?:me|us)(?: (?:these|any|your|more|all|text|sms|marketing))*"
        r"(?: (?:texts|messages|sms|emails|stuff|offers|ads))?",
        r"(?:do not|dont|never|no longer) (?:ever )?(?:text|message|call|contact|email|write(?: to)?|phone|ring|bother|"
        r"disturb|msg|txt)(?: (?:and|or) (?:text|message|call|contact|email|write to))? "
        r"(?:me|us|this number|my number|my phone) (?:again|any ?more|any longer|ever|ever again)",
        r"(?:take|remove|delete) (?:me|us|my (?:phone )?number|this number|my (?:name|details)) "
        r"(?:off|off of|from|out of) (?:your|the|this|that|all|any)"
        r"(?: (?:your|mailing|contact|call|calling|text|texting|sms|marketing|phone))* (?:list|lists|database|system)",
        r"unsubscribe (?:me|us|my number|this number)(?: from(?: \w+){1,6})?",
        r"opt (?:me|us) out(?: (?:of|from)(?: \w+){1,6})?",
        r"(?:i|we) (?:want|would like|wish|d like) to (?:unsubscribe|opt out)"
        r"(?: (?:from|of) (?:your|these|this|all)(?: \w+){1,4})?",
        r"id like to (?:unsubscribe|opt out)(?: (?:from|of) (?:your|these|this|all)(?: \w+){1,4})?",
        r"(?:i|we) (?:want|would like|wish|d like) to be (?:removed|taken off)(?: (?:from|off) (?:your|this|the) "
        r"(?:\w+ )?list)?",
        r"(?:i|we) (?:no longer (?:want|wish) (?:to (?:receive|get) )?(?:any |of |your |these |further )*|"
        r"(?:do not|dont) (?:want|wish) (?:to (?:receive|get) )?(?:any )?(?:more |of your |your |these |further )+)"
        r"(?:text |sms |marketing )?(?:messages|texts|sms|calls|emails)(?: from (?:you|your \w+|this number))?",
        r"(?:i|we) (?:do not|dont|no longer) (?:want|wish) to be (?:contacted|called|texted|messaged|bothered)",
        r"(?:i|we) (?:withdraw|revoke) (?:my|our) consent(?: (?:to|for)(?: \w+){1,6})?",
        r"leave (?:me|us) alone",
        r"lose (?:my|this) number",
    ),
    alone=(
        r"(?:do not|dont|never) (?:text|message|call|contact|email|write to|phone|disturb|bother)"
        r"(?: me| us| this number)?",
        r"(?:stop|quit) (?:texting|messaging|calling|contacting|emailing|writing|spamming|bothering)",
        r"stop sending(?: \w+){0,3} (?:texts|messages|sms|emails|offers|ads)",
        r"(?:i|we) (?:do not|dont) (?:want|wish) (?:to (?:receive|get) )?(?:any )?(?:text |sms )?(?:messages|texts|sms|"
        r"calls|emails)",
        r"(?:remove|delete) (?:me|us|my (?:phone )?number|this number)",
        r"no more (?:texts|messages|text messages|calls|sms|emails)",
        r"stop (?:the |these |all |your |all your )?(?:texts|messages|text messages|calls|sms|emails|spam)",
        r"stop(?: it| this| that| now)?",
        r"unsubscribe|opt out",
        r"stop (?:to |at )?\d{3,}",
        r"(?:take|remove) me off",
    ),
)
_GERMAN = _Language(
    around=(
        "bitte|hallo|hi|guten tag|ok|okay|danke|vielen dank|nein danke|und|also|konnen sie|konnten sie|wurden sie|"
        "kannst du|konnt ihr|ich sagte|nochmal|noch einmal|sofort|endlich|jetzt|ab sofort|hiermit|kein interesse|"
        "falsche nummer|sie haben die falsche nummer"
    ),
    anywhere=(
        r"(?:schreibe?|schreibt|schreiben sie|schicke?|schickt|schicken sie|sende|sendet|senden sie) (?:mir|uns)"
        r"(?: bitte)? (?:nicht|nie|niemals|nichts|keine(?: \w+){1,2}) (?:mehr|wieder)",
        r"(?:schreibe?|schreibt|schreiben sie) (?:mich|uns)(?: bitte)? (?:nicht|nie|niemals) (?:mehr|wieder) an",
        r"(?:rufe?|ruft|rufen sie) (?:mich|uns|hier|diese nummer)(?: bitte)? (?:nicht|nie|niemals) (?:mehr|wieder) an",
        r"(?:kontaktiere?|kontaktiert|kontaktieren sie|belastigen sie|belaestigen sie|belastigt|belastige?) "
        r"(?:mich|uns)(?: bitte)? (?:nicht|nie|niemals) (?:mehr|wieder|weiter)",
        r"(?:melden sie sich|meldet euch|melde dich)(?: bitte)? (?:nicht|nie|niemals) (?:mehr|wieder)(?: bei (?:mir|"
        r"uns))?",
        r"(?:mich |uns |mir )?(?:bitte )?(?:nicht|nie|niemals) (?:mehr|wieder) "
        r"(?:anrufen|anschreiben|kontaktieren|schreiben|texten|belastigen|belaestigen|anmailen|melden)",
        r"(?:hore?|hoere?|hort|hoert|horen sie|hoeren sie)(?: bitte| endlich)* auf(?: damit)? (?:mir|mich|uns)"
        r"(?: \w+){0,3} (?:schreiben|anzurufen|kontaktieren|anzuschreiben|texten|schicken|senden|nerven|belastigen)",
        r"lass(?:t|en sie)? (?:mich|uns)(?: bitte| endlich)* in (?:ruhe|frieden)",
        r"(?:ich|wir) (?:mochten?|moechten?|will|wollen|wunschen?|wuenschen?) (?:bitte )?keine "
        r"(?:weiteren (?:nachrichten|sms|anrufe|mails|e mails)(?: von (?:ihnen|euch|dir))?|"
        r"(?:nachrichten|sms|anrufe|werbung|mails|e mails|texte)(?: von (?:ihnen|euch|dir))? mehr)"
        r"(?: erhalten| bekommen| haben)?",
        r"(?:ich|wir) (?:mochten?|moechten?|will|wollen) nicht (?:mehr|langer|laenger|weiter) "
        r"(?:kontaktiert|angerufen|angeschrieben|belastigt|belaestigt) werden",
        r"(?:nehmen sie|nehmt|nimm|streichen sie|streicht|streiche?|loschen sie|loeschen sie|losche?|loscht|"
        r"entfernen sie|entfernt|entferne?) (?:mich|uns|meine (?:telefon|handy)?nummer)(?: bitte)? (?:aus|von) "
        r"(?:ihrem|eurem|dem|der|ihrer|eurer|allen) (?:\w+ )?(?:verteiler|liste|listen|datenbank|system)(?: heraus| "
        r"raus)?",
        r"(?:melden sie|meldet|melde|tragen sie|tragt|trage?) (?:mich|uns)(?: bitte)? (?:ab|aus)",
        r"(?:ich )?widerrufe (?:ich )?(?:hiermit )?meine (?:einwilligung|zustimmung|werbeeinwilligung)(?:(?: "
        r"\w+){1,6})?",
    ),
    alone=(
        r"keine (?:weiteren )?(?:nachrichten|sms|anrufe|werbung|mails|e mails)(?: mehr)?",
        r"nicht (?:anrufen|anschreiben|kontaktieren|schreiben|storen)",
        r"(?:ich|wir) (?:mochten?|moechten?|will|wollen) keine (?:nachrichten|sms|anrufe|werbung|mails|e mails)"
        r"(?: von (?:ihnen|euch|dir))?(?: erhalten| bekommen| haben)?",
        r"(?:loschen sie|loeschen sie|losche?|loscht|entfernen sie) meine (?:telefon|handy)?nummer",
        r"hore? auf|hort auf|horen sie auf",
        r"schluss (?:mit|jetzt mit) (?:den |der |dem )?(?:sms|nachrichten|anrufen|werbung)",
        r"(?:rufen sie|rufe?|ruft) (?:mich|uns) nicht an",
        r"stopp?",
    ),
)
_FRENCH = _Language(
    around=(
        "sil vous plait|sil te plait|svp|stp|bonjour|merci|merci de|veuillez|non merci|ok|et|pouvez vous|"
        "pourriez vous|immediatement|maintenant|desormais|pas interessee?|mauvais numero"
    ),
    anywhere=(
        r"(?:arretez|arrete|cessez|cesse|arreter|cesser) de (?:m|me |nous )"
        r"(?:ecrire|appeler|contacter|texter|harceler|deranger|spammer|telephoner|envoyer(?: \w+){1,4})",
        r"ne (?:m|me |nous )(?:ecrivez|ecris|appelez|appelle|contactez|contacte|envoyez|envoie|derangez|telephonez) "
        r"plus(?: jamais)?(?: (?:de |vos )(?:messages?|sms|textos?|mails|publicites?))?",
        r"ne plus (?:m|me |nous )(?:ecrire|appeler|contacter|deranger|envoyer (?:de |vos )?(?:messages?|sms|textos?))",
        r"je ne (?:veux|souhaite|desire) plus (?:recevoir (?:de |d |vos |aucun )?(?:messages?|sms|textos?|appels|mails|"
        r"publicites?)|etre (?:contactee?|appelee?|derangee?))(?: de votre part)?",
        r"(?:desabonnez|desinscrivez) (?:moi|nous)(?: de(?: \w+){1,6})?",
        r"(?:retirez|supprimez|enlevez|effacez|rayez) (?:moi|mon numero) (?:de|d) ?"
        r"(?:votre|vos|la|cette|toutes vos) (?:listes?|base|fichier)(?:(?: \w+){1,3})?",
        r"je retire mon consentement",
        r"laissez (?:moi|nous) tranquilles?",
    ),
    alone=(
        r"plus de (?:messages?|sms|textos?|publicite|mails)",
        r"plus dappels",
        r"(?:arretez|arrete|cessez) (?:avec )?(?:vos|les|ces) (?:messages|sms|textos|appels|publicites)",
        r"je (?:souhaite|veux|voudrais) me (?:desabonner|desinscrire)",
        r"(?:supprimez|effacez|retirez|enlevez) mon numero",
        r"ne (?:m|me |nous )(?:ecrivez|appelez|contactez|derangez) pas",
        r"stop(?: sms| pub)?(?: (?:au|a))?(?: \d{3,})?",
    ),
)
_SPANISH = _Language(
    around=(
        "por favor|porfavor|porfa|hola|ok|gracias|no gracias|y|pueden|podrian|puede|podria|ya|ahora|inmediatamente|"
        "no me interesa|no estoy interesad[oa]|numero equivocado"
    ),
    anywhere=(
        r"(?:deja|deje|dejen|dejad|dejar|para|pare|paren) de "
        r"(?:escribirme|llamarme|contactarme|molestarme|(?:enviarme|mandarme)(?: \w+){1,3})",
        r"no me (?:escriban?|escribas|llamen?|llames|contacten?|contactes|molesten?|molestes|envien?|envies|manden?|"
        r"mandes) "
        r"(?:mas|nunca|nunca mas|otra vez)(?: (?:mensajes|sms|correos|publicidad))?",
        r"no vuelva[ns]? a (?:escribirme|llamarme|contactarme|molestarme)",
        r"(?:ya no (?:quiero|deseo) (?:recibir )?(?:mas )?|no (?:quiero|deseo) (?:recibir )?mas |"
        r"no (?:quiero|deseo) recibir )(?:mensajes|sms|llamadas|correos|publicidad)(?: suyos| de ustedes)?",
        r"(?:ya )?no (?:quiero|deseo) que me (?:llamen|escriban|contacten|molesten)(?: mas)?",
        r"(?:denme|deme|dame|quiero darme) de baja(?: de(?: \w+){1,5})?",
        r"(?:borr|elimin|quit|saqu)en?me de (?:su|la|esta|sus) (?:listas?|base)(?:(?: \w+){1,4})?",
        r"dej(?:enme|eme|ame) en paz",
    ),
    alone=(
        r"no mas (?:mensajes|sms|llamadas|correos)",
        r"no me (?:llamen?|escriban?|contacten?|molesten?)",
        r"no (?:quiero|deseo) (?:mensajes|sms|llamadas|publicidad)",
        r"(?:borr|elimin|quit)en? mi numero",
    ),
)
_ITALIAN = _Language(
    around=(
        "per favore|per piacere|ciao|buongiorno|salve|grazie|no grazie|ok|e|vi prego|la prego|potete|potreste|"
        "subito|adesso|immediatamente|non sono interessat[oa]|numero sbagliato"
    ),
    anywhere=(
        r"(?:smetti|smettila|smettete|smettetela|smetta|la smetta|basta) di "
        r"(?:scrivermi|chiamarmi|contattarmi|disturbarmi|telefonarmi|(?:mandarmi|inviarmi)(?: \w+){1,3})",
        r"non (?:mi )?(?:scriv(?:a|ete|etemi|ere|ermi)|(?:chiam|contatt|mand|disturb)(?:i|ate|atemi|are|armi)|"
        r"invi(?:i|ate|atemi|are|armi)) (?:mai )?piu(?: (?:messaggi|sms|nulla|niente))?",
        r"non (?:voglio|desidero) piu (?:ricevere (?:i )?(?:vostri |suoi |altri )?"
        r"(?:messaggi|sms|chiamate|telefonate|pubblicita|email)|essere (?:contattat|chiamat|disturbat)[oa])",
        r"(?:cancellatemi|toglietemi|rimuovetemi|cancellami|toglimi|mi cancelli|mi tolga) (?:dalla|dalle|da|dal) "
        r"(?:vostra |vostre |sua |tua |questa )?(?:lista|liste|elenco|database|rubrica)",
        r"non (?:voglio|desidero) essere (?:piu )?(?:contattat|chiamat|disturbat)[oa](?: piu)?",
        r"revoco il (?:mio )?consenso",
        r"lasciatemi (?:in pace|stare)|mi lasci in pace|lasciami (?:in pace|stare)",
    ),
    alone=(
        r"(?:niente|basta) (?:piu )?(?:messaggi|sms|chiamate|telefonate)",
        r"smettetela|smettila|la smetta",
        r"cancellate il mio numero|cancelli il mio numero",
    ),
)
_DUTCH = _Language(
    around=(
        "aub|alstublieft|alsjeblieft|graag|hallo|hoi|ok|oke|dank u|bedankt|nee bedankt|en|kunt u|wilt u|kun je|"
        "wil je|nu|onmiddellijk|voortaan|geen interesse|verkeerd nummer"
    ),
    anywhere=(
        r"(?:stop|hou op|houd op) met (?:mij |me |ons )?(?:te )?(?:bellen|appen|smsen|sms en|schrijven|mailen|"
        r"contacteren|lastigvallen|benaderen|(?:\w+ )?(?:berichten|sms jes|smsjes)(?: te)? (?:sturen|versturen))",
        r"(?:bel|app|sms|mail|contacteer|benader|stuur|schrijf) (?:me|mij|ons)(?: aub| alstublieft)? "
        r"(?:niet|nooit|niets|geen(?: \w+){1,2}) (?:meer|weer)",
        r"neem (?:geen contact meer|nooit meer contact)(?: met (?:mij|me|ons))? op",
        r"ik wil (?:geen (?:\w+ )?(?:berichten|sms jes|smsjes|telefoontjes|reclame|mails) meer(?: ontvangen| krijgen)?|"
        r"niet meer (?:gebeld|benaderd|gecontacteerd|gemaild) worden)",
        r"(?:haal|verwijder|schrap) (?:mij|me|mijn nummer) (?:uit|van) (?:jullie|uw|de|je) (?:\w+ )?"
        r"(?:\w*lijst|bestand|systeem)",
        r"(?:schrijf|meld) (?:mij|me) (?:uit|af)",
        r"laat (?:mij|me|ons) met rust",
    ),
    alone=(
        r"(?:ik wil )?geen (?:berichten|sms|sms jes|smsjes|telefoontjes|reclame)(?: meer)?",
        r"(?:verwijder|wis) mijn nummer",
        r"niet meer (?:bellen|appen|smsen|berichten|mailen|contacteren)",
    ),
)
_POLISH = _Language(
    around="prosze|bardzo prosze|dzien dobry|witam|ok|nie dziekuje|dziekuje|i|czy mozecie|natychmiast|teraz|"
    "nie jestem zainteresowan[ay]|pomylka",
    anywhere=(
        r"(?:przestancie|przestan|przestac) (?:do mnie )?(?:pisac|dzwonic|(?:mi )?wysylac(?: mi)?(?: \w+){1,2}|"
        r"kontaktowac sie(?: ze mna)?)(?: do mnie)?",
        r"nie (?:piszcie|pisz|pisac|dzwoncie|dzwon|dzwonic|kontaktujcie sie|kontaktowac sie|wysylajcie|wysylac)"
        r"(?: do mnie| ze mna| mi)? (?:juz|wiecej)(?: do mnie| ze mna| mi)?(?: (?:wiadomosci|sms ow|smsow))?",
        r"(?:wiecej|juz) (?:do mnie |mi )?nie (?:piszcie|pisac|dzwoncie|dzwonic|wysylajcie|wysylac)(?: do mnie| mi)?",
        r"(?:usuncie|usun|usunac|wypiszcie|wypisz|wypisac|skreslcie) (?:mnie|moj numer)"
        r"(?: z (?:\w+ )?(?:listy|bazy|systemu))",
        r"nie (?:chce|zycze sobie) (?:(?:juz |wiecej )(?:otrzymywac |dostawac )?|(?:otrzymywac |dostawac ))(?:\w+ )?"
        r"(?:wiadomosci|sms ow|smsow|telefonow)(?: od was| od panstwa)?",
        r"wycofuje (?:swoja |moja )?zgode",
        r"(?:dajcie|daj) mi (?:swiety )?spokoj",
    ),
    alone=(
        r"(?:zadnych )?wiecej (?:wiadomosci|smsow|telefonow) nie",
        r"nie (?:piszcie|pisz|pisac|dzwoncie|dzwon|dzwonic)(?: do mnie| do nas)?",
        r"o wypisanie(?: mnie)?(?: z (?:\w+ )?listy)?",
    ),
)
_PORTUGUESE = _Language(
    around="por favor|pf|pfv|ola|oi|ok|obrigad[oa]|nao obrigad[oa]|e|podem|voces podem|pode|agora|imediatamente|ja|"
    "nao tenho interesse|numero errado",
    anywhere=(
        r"(?:pare|parem|para|deixe|deixem) de (?:me (?:escrever|ligar|contatar|contactar|incomodar|perturbar|chamar|"
        r"(?:enviar|mandar)(?: \w+){1,3})|(?:escrever|ligar|contatar|contactar|enviar|mandar) ?me(?: \w+){0,3})",
        r"nao me (?:escrevam?|liguem?|contatem?|contactem?|enviem?|mandem?|incomodem?|chamem?|perturbem?) "
        r"(?:mais|nunca mais|novamente)(?: (?:mensagens|sms))?",
        r"nao quero (?:mais (?:receber )?|receber (?:mais )?)(?:as )?(?:suas |vossas )?(?:mensagens|sms|ligacoes|"
        r"chamadas)(?: suas| de voces)?(?: mais)?",
        r"(?:me )?(?:tirem?|retirem?|removam?|remova)(?: me| o meu numero| meu numero)? (?:da|das|de|dessa) "
        r"(?:sua |vossa |tua |suas )?(?:listas?|base)(?:(?: \w+){1,3})?",
        r"me (?:descadastrem?|desinscrevam?)|(?:descadastrem?|desinscrevam?) me",
        r"me deixem? em paz|deixem? me em paz",
    ),
    alone=(
        r"(?:chega de|sem mais|nao mais) (?:mensagens|sms|ligacoes)",
        r"nao me (?:liguem?|escrevam?|contatem?)",
        r"(?:remova|removam|apague|apaguem) (?:o )?meu numero",
    ),
)
_LANGUAGES = (_ENGLISH, _GERMAN, _FRENCH, _SPANISH, _ITALIAN, _DUTCH, _POLISH, _PORTUGUESE)


def _compiled(around: str, requests: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?:(?:{around}) ){{0,4}}(?:{'|'.join(requests)})(?: (?:{around})){{0,4}}")


_ANYWHERE = tuple(_compiled(language.around, language.anywhere) for language in _LANGUAGES)
_ALONE = tuple(_compiled(language.around, language.alone) for language in _LANGUAGES)


def asks_to_stop(text: str, *, is_spoken: bool = False) -> bool:
    """Whether a sentence of the text, or one of its parts between commas, is a request to be left alone.

    Of what is spoken only requests count that are clear in any company: a transcript may be a single word misheard.
    """
    clauses = list(dict.fromkeys(_clauses(text[:_LONGEST_TEXT])))
    if any(pattern.fullmatch(clause) for clause in clauses for pattern in _ANYWHERE):
        return True
    whole = fold(text) if len(text) <= _LONGEST_CLAUSE and not is_spoken else ""
    return bool(whole) and any(pattern.fullmatch(whole) for pattern in _ALONE)


def _clauses(text: str) -> Iterator[str]:
    for sentence in _ENDS.split(text):
        parts = sentence.split(",")
        for clause in [sentence, *parts] if len(parts) > 1 else parts:
            if len(clause) <= _LONGEST_CLAUSE and (folded := fold(clause)):
                yield folded
