"""What forms in several languages call the same thing.

Per concept: English, German, Finnish, Swedish, French, Spanish, Italian, Portuguese, Dutch, and for the most
common ones Russian, Arabic, Chinese and Japanese. Written as ``plain`` leaves them.
"""

from collections.abc import Mapping

from rapidfuzz.utils import default_process


def plain(text: str) -> str:
    """The text in lower case with its letters and digits only, words parted by one blank."""
    return " ".join(default_process(text.replace("_", " ")).split())


_SPOKEN: Mapping[str, str] = {
    "full_name": "full name, name, your name, contact name, vollständiger name, vor und nachname, ihr name, "
    "nimi, koko nimi, namn, fullständigt namn, för och efternamn, nom complet, nom et prénom, "
    "prénom et nom, nombre completo, nombre y apellidos, nombre y apellido, nome completo, nome e "
    "cognome, volledige naam, naam, имя и фамилия, фио, полное имя, الاسم الكامل, الاسم, 姓名, お名前, "
    "氏名",
    "first_name": "first name, given name, forename, firstname, vorname, etunimi, förnamn, prénom, nombre, "
    "nome, primer nombre, nombre de pila, primeiro nome, voornaam, имя, الاسم الأول, 名",
    "last_name": "last name, family name, surname, lastname, nachname, familienname, sukunimi, efternamn, nom, "
    "nom de famille, apellido, apellidos, cognome, sobrenome, apelido, achternaam, фамилия, اسم "
    "العائلة, 姓",
    "email": "email, e mail, mail, email address, e mail address, your email, e mail adresse, email "
    "adresse, mailadresse, sähköposti, sähköpostiosoite, e post, epost, e postadress, adresse e "
    "mail, adresse email, courriel, adresse électronique, correo, correo electrónico, email "
    "personal, indirizzo email, indirizzo e mail, endereço de email, e mailadres, emailadres, "
    "электронная почта, почта, البريد الإلكتروني, 邮箱, 电子邮件, メール, メールアドレス",
    "work_email": "work email, business email, company email, geschäftliche e mail, berufliche e mail, "
    "työsähköposti, e mail professionnel, email professionnel, correo de trabajo, correo "
    "corporativo, email aziendale, zakelijk e mailadres",
    "phone": "phone, phone number, telephone, telephone number, mobile, mobile number, mobile phone, cell, "
    "cell phone, tel, contact number, your phone, telefon, telefonnummer, handy, handynummer, "
    "mobilnummer, rufnummer, puhelin, puhelinnumero, matkapuhelin, mobiltelefon, téléphone, "
    "numéro de téléphone, portable, mobile téléphone, teléfono, número de teléfono, celular, "
    "móvil, telefono, numero di telefono, cellulare, telefone, número de telefone, telemóvel, "
    "telefoon, telefoonnummer, mobiel nummer, телефон, номер телефона, الهاتف, رقم الهاتف, 电话, "
    "手机号, 电话号码, 電話番号",
    "work_phone": "work phone, work phone number, business phone, office phone, telefon geschäftlich, "
    "työpuhelin, téléphone professionnel, teléfono del trabajo, telefono ufficio",
    "company": "company, company name, organisation, organization, organisation name, business name, "
    "employer, firma, firmenname, unternehmen, yritys, yrityksen nimi, företag, företagsnamn, "
    "entreprise, société, nom de l entreprise, empresa, nombre de la empresa, azienda, nome "
    "azienda, nome da empresa, bedrijf, bedrijfsnaam, компания, организация, الشركة, 公司, 公司名称, "
    "会社名",
    "job_title": "job title, title, position, role, your role, beruf, position im unternehmen, "
    "stellenbezeichnung, titteli, tehtävänimike, ammatti, yrkestitel, befattning, poste, "
    "fonction, intitulé du poste, puesto, cargo, ruolo, qualifica, functie, должность, 职位, 役職",
    "street": "street, street address, address line 1, straße, strasse, straße und hausnummer, katuosoite, "
    "lähiosoite, gatuadress, rue, adresse postale, calle, dirección postal, via, rua, straat",
    "address": "address, full address, postal address, adresse, anschrift, osoite, adress, dirección, "
    "indirizzo, endereço, adres, адрес, العنوان, 地址, 住所",
    "city": "city, town, your city, stadt, ort, wohnort, kaupunki, paikkakunta, stad, ville, ciudad, "
    "localidad, città, cidade, plaats, woonplaats, город, المدينة, 城市, 市区町村",
    "region": "state, province, region, county, bundesland, maakunta, län, région, département, provincia, "
    "estado, regione, provincie, область, 省, 都道府県",
    "post_code": "post code, postcode, postal code, zip, zip code, plz, postleitzahl, postinumero, postnummer, "
    "code postal, código postal, cap, codice postale, cep, почтовый индекс, الرمز البريدي, 邮编, "
    "郵便番号",
    "country": "country, land, staat, maa, pays, país, paese, страна, الدولة, البلد, 国家, 国",
    "birth_date": "date of birth, birth date, birthday, dob, birthdate, geburtsdatum, geburtstag, syntymäaika, "
    "syntymäpäivä, födelsedatum, date de naissance, fecha de nacimiento, data di nascita, data de "
    "nascimento, geboortedatum, дата рождения, تاريخ الميلاد, 出生日期, 生年月日",
    "gender": "gender, sex, geschlecht, sukupuoli, kön, genre, sexe, género, sexo, genere, sesso, gênero, "
    "geslacht, пол, 性别, 性別",
    "website": "website, web site, url, homepage, web address, webseite, internetseite, verkkosivu, "
    "kotisivu, webbplats, hemsida, site web, site internet, sitio web, página web, sito web, "
    "sito, сайт, الموقع, 网站, ウェブサイト",
    "message": "message, your message, comment, comments, question, questions, enquiry, inquiry, notes, "
    "details, nachricht, ihre nachricht, kommentar, anmerkung, anmerkungen, frage, viesti, "
    "kommentti, lisätietoja, meddelande, message libre, votre message, commentaire, commentaires, "
    "mensaje, comentario, comentarios, messaggio, commento, mensagem, bericht, opmerking, "
    "opmerkingen, сообщение, комментарий, رسالة, الرسالة, 留言, メッセージ, お問い合わせ内容",
    "budget": "budget, your budget, price range, preisvorstellung, budjetti, presupuesto, orçamento, "
    "бюджет, الميزانية, 预算, 予算",
    "preferred_time": "preferred time, best time, best time to call, appointment, appointment time, preferred date, "
    "wunschtermin, termin, toivottu aika, ajankohta, önskad tid, heure préférée, rendez vous, "
    "hora preferida, cita, orario preferito",
    "marketing_consent": "marketing consent, newsletter, i agree to receive marketing, markkinointilupa, marketing "
    "einwilligung, consentement marketing, consentimiento de marketing",
    "privacy_consent": "consent, privacy, privacy policy, privacy consent, terms, einwilligung, datenschutz, "
    "datenschutzerklärung, tietosuoja, tietosuojaseloste, consentement, confidentialité, "
    "consentimiento, privacidad",
}

CONCEPTS: Mapping[str, str] = {
    plain(word): concept for concept, words in reversed(list(_SPOKEN.items())) for word in (concept, *words.split(","))
}
"""From a name in plain form to what it means; where two concepts share a name the first concept has it."""
